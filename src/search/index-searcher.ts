/** Answers what is asked of an index, one thing after the other. Opens it anew when it was made anew. */
import { statSync } from 'node:fs';
import { nodeFileSystem } from '../ledger/file-system.ts';
import { LogFollower } from '../ledger/log-follower.ts';
import type { TileSource } from '../ledger/tile-store.ts';
import { DirectoryStore } from '../ledger/tile-store.ts';
import type { Filter } from './filter/filter.ts';
import { Finder } from './find.ts';
import { hitsOf } from './hits.ts';
import type { IndexReader } from './index-storage.ts';
import { LogEntries } from './log-entries.ts';
import type { CountResult, SearchCall, SearchCalls, SearchResult } from './search-calls.ts';
import { SqliteIndex } from './sqlite-index.ts';

export interface SearcherOptions {
  /** The ledger's. */
  readonly directory: string;
  /** The index's file. */
  readonly path: string;
  /** Where the log's tiles are; default: in the directory. */
  readonly source?: TileSource;
}

interface OpenIndex {
  readonly reader: IndexReader;
  readonly finder: Finder;
  /** Which file it is: one made anew has another. */
  readonly inode: number;
}

export class IndexSearcher implements SearchCalls {
  readonly #path: string;
  readonly #log: LogEntries;
  #open: OpenIndex | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ directory, path, source }: SearcherOptions) {
    this.#path = path;
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
    await this.#open?.reader.close();
  }

  #inTurn<T>(work: (index: OpenIndex) => Promise<T>): Promise<T> {
    const result = this.#last.catch(() => {}).then(async () => work(await this.#index()));
    this.#last = result;
    return result;
  }

  async #index(): Promise<OpenIndex> {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino ?? 0;
    if (this.#open?.inode === inode) return this.#open;
    await this.#open?.reader.close();
    this.#open = undefined;
    const reader = SqliteIndex.openToRead(this.#path);
    this.#open = { reader, finder: new Finder(reader), inode };
    return this.#open;
  }

  async #behind(reader: IndexReader): Promise<number> {
    return Math.max(0, this.#log.size() - (await reader.head()).next);
  }
}
