/** Reads an AsyncAPI document with the parser of those who define the format. */
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const ERROR = 0;

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
const errors = diagnostics.filter(({ severity }) => severity === ERROR);
// One fault is found in each place that refers to it.
for (const { path, message } of errors.slice(0, 20)) console.error(`${path.join('.')}: ${message}`);
if (!document || errors.length > 0 || document.operations().length === 0) process.exitCode = 1;
