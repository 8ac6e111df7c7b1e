/** Why somebody does what they do, as they say it in the body of a request. */
export const REASON_SCHEMA = { type: 'string', minLength: 1, maxLength: 500 } as const;
