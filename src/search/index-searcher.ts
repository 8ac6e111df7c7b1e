/** Answers what is asked of an index, one thing after the other. Opens it anew when it was made anew, or when it failed. */
import { SluiceError } from '../errors/sluice-error.ts';
import { nodeFileSystem } from '../ledger/file-system.ts';
import { LogFollower } from '../ledger/log-follower.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import { DirectoryStore } from '../ledger/tile-store.ts';
import type { Filter } from './filter/filter.ts';
import { Finder } from './find.ts';
import { hitsOf } from './hits.ts';
import type { IndexPlace, IndexReader } from './index-storage.ts';
import { LogEntries } from './log-entries.ts';
import { logName } from './log-name.ts';
import type { CountResult, SearchCall, SearchCalls, SearchResult } from './search-calls.ts';

export interface SearcherOptions {
  /** The ledger's. */
  readonly directory: string;
  readonly place: IndexPlace;
  /** Where the log's tiles are; default: in the directory. */
  readonly source?: TileSource;
}

interface OpenIndex {
  readonly reader: IndexReader;
  readonly finder: Finder;
}

export class IndexSearcher implements SearchCalls {
  readonly #directory: string;
  readonly #place: IndexPlace;
  readonly #log: LogEntries;
  #open: OpenIndex | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ directory, place, source }: SearcherOptions) {
    this.#directory = directory;
    this.#place = place;
    const tiles = source ?? new DirectoryStore(nodeFileSystem, directory);
    this.#log = new LogEntries(tiles, new LogFollower({ directory, source: tiles }));
  }

  /** @throws {SluiceError} bad_request, store_unavailable, ledger_* */
  search({ filter, order, limit }: SearchCall): Promise<SearchResult> {
    return this.#inTurn(async ({ finder, reader }) => {
      const { items, more } = await finder.page({ filter, order, limit });
      return { hits: await hitsOf(items, reader, this.#log), more, behind: await this.#behind(reader) };
    });
  }

  /** Throws as `search` does. */
  count(filter: Filter): Promise<CountResult> {
    return this.#inTurn(async ({ finder, reader }) => ({
      count: await finder.count(filter),
      behind: await this.#behind(reader),
    }));
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#letGo();
  }

  #inTurn<T>(work: (index: OpenIndex) => Promise<T>): Promise<T> {
    const result = this.#last.catch(() => {}).then(() => this.#asOfNow(work));
    this.#last = result;
    return result;
  }

  /** What fails leaves nothing open, and the next search begins anew; but a filter that is refused costs the next one nothing. */
  async #asOfNow<T>(work: (index: OpenIndex) => Promise<T>): Promise<T> {
    try {
      const index = await this.#begin();
      const answer = await work(index);
      await index.reader.end();
      return answer;
    } catch (cause) {
      const isRefused = cause instanceof SluiceError && cause.code === 'bad_request';
      if (isRefused) await this.#open?.reader.end().catch(() => this.#letGo());
      else await this.#letGo();
      throw cause;
    }
  }

  async #begin(): Promise<OpenIndex> {
    const wasOpen = this.#open !== undefined;
    try {
      if (await this.#open?.reader.begin()) return this.#open as OpenIndex;
    } catch (cause) {
      // A connection that broke since the last search; whether there is another shows below.
      if (!wasOpen || !(cause instanceof SluiceError)) throw cause;
    }
    await this.#letGo();
    const reader = await this.#place.openToRead(logName(this.#directory));
    this.#open = { reader, finder: new Finder(reader) };
    if (await reader.begin()) return this.#open;
    throw new SluiceError('store_unavailable', 'the index is being made anew', {
      hint: 'Try again in a moment.',
    });
  }

  async #letGo(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.reader.close().catch(() => {});
  }

  async #behind(reader: IndexReader): Promise<number> {
    return Math.max(0, this.#log.size() - (await reader.head()).next);
  }
}
