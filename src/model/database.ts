/** A connection target. Pure types; how to reach it (hosts, credentials) is the gateway's business. */

export interface Database {
  /** The name clients connect to; unique. */
  readonly name: string;
  /** Free text of the operator, such as `prod` or `staging`. */
  readonly environment: string;
  /** Which dialect and protocol it speaks. */
  readonly engine: 'postgres';
}
