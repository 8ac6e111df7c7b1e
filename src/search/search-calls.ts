/** What can be asked of the index, and how it is answered. Plain data: it crosses threads. */
import type { Filter } from './filter/filter.ts';
import type { Order } from './find.ts';
import type { Hit } from './hits.ts';

export interface SearchCall {
  readonly filter: Filter;
  readonly order: Order;
  readonly limit: number;
}

export interface SearchResult {
  readonly hits: readonly Hit[];
  /** True if there are more behind the last. */
  readonly more: boolean;
  /** Entries of the log that are not in the index yet: the newest, which are missing here. */
  readonly behind: number;
}

export interface CountResult {
  readonly count: number;
  readonly behind: number;
}

export interface SearchCalls {
  search(call: SearchCall): Promise<SearchResult>;
  count(filter: Filter): Promise<CountResult>;
}
