// The tools that every client offers, and the one argument of each.

export const SCHEMAS = { weather: 'city', clock: 'zone' };

/** Strict, because the helpers that parse accept no others. */
export const schema = (argument) => ({
  type: 'object',
  properties: { [argument]: { type: 'string' } },
  required: [argument],
  additionalProperties: false,
});
