/** What those who watch over sessions do, and what they watch for. Pure types. */

export type WatchEvent =
  | {
      /** The session has met untrusted text: recorded before the statement that reads it. */
      readonly kind: 'session-tainted';
      readonly session: string;
      /** The columns that were news: `schema.relation.column`, or `*`. */
      readonly by: readonly string[];
      /** Present if another session of the same reader read it. */
      readonly elsewhere?: true;
    }
  | {
      /** Whoever may open the admin socket has judged that what a session read does no harm. */
      readonly kind: 'taint-cleared';
      readonly session: string;
      readonly reason?: string;
      /** Present in other sessions of the same reader, which are cleared with it. */
      readonly elsewhere?: true;
    }
  | {
      /** Somebody had the session ended; its `session-closed` follows. */
      readonly kind: 'session-killed';
      readonly session: string;
      readonly door: 'admin-socket' | 'http';
      /** The principal who asked; absent for whoever may open the admin socket. */
      readonly by?: string;
      readonly reason?: string;
    };
