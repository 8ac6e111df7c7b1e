/**
 * A file that says that entries went from the log since its index was made, so that the index is made anew even if nobody lives to ask for it.
 * Set by who prunes, before anything goes and when all is gone; taken away by who keeps the index.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { nodeFileSystem } from './file-system.ts';
import { readWholeFile, replaceWholeFile } from './whole-file.ts';

/** On stable storage when it resolves. @param directory the ledger's */
export function markPruned(directory: string): Promise<void> {
  return replaceWholeFile(nodeFileSystem, pathIn(directory), randomUUID(), 0o600);
}

/** The mark, another one each time; undefined if there is none. Throws the file system's own errors. */
export function pruningMark(directory: string): string | undefined {
  return readWholeFile(nodeFileSystem, pathIn(directory));
}

/** Takes this mark away; a later one stays. */
export function unmarkPruned(directory: string, mark: string): void {
  if (pruningMark(directory) === mark) nodeFileSystem.remove(pathIn(directory));
}

const pathIn = (directory: string): string => join(directory, 'pruning/pruned');
