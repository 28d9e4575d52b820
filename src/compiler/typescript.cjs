// SPDX-License-Identifier: Apache-2.0
/**
 * What `#typescript` is (package.json): the TypeScript compiler API, loaded as the CommonJS that it is. Imported by an ES module,
 * Node would first search its nine megabytes for names that they export, which takes three times as long as loading them; and
 * so it would if this file said `require('typescript')` in so many words.
 */
'use strict';
const load = require;
module.exports = load('typescript');
