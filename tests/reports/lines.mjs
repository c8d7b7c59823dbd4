// A reporter for node:test: a line for each test, as scripts/test counts them, and what a failed one says.
import { inspect } from 'node:util';

export default async function* lines(events) {
  for await (const { type, data } of events) {
    if (type === 'test:pass') yield `ok ${data.name}\n`;
    if (type === 'test:fail') yield `not ok ${data.name}\n${inspect(data.details.error.cause ?? data.details.error)}\n`;
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
  }
}
