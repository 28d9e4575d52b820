// SPDX-License-Identifier: Apache-2.0
/** Every recording of 7.3 beside the clone; see recordings-sweep.ts. */
import { sweep } from './recordings-sweep.js';

sweep('7.3');
