// How requests are refused.

/** An error that is the answer to a request. */
export class Refused extends Error {
  constructor(code, message, data, status = 400) {
    super(message);
    Object.assign(this, { code, data, status });
  }
}
