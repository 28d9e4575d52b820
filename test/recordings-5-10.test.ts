// SPDX-License-Identifier: Apache-2.0
/** Every recording of 5.10 beside the clone; see recordings-sweep.ts. */
import { sweep } from './recordings-sweep.js';

sweep('5.10');
