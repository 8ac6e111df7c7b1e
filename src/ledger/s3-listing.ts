/**
 * A page of what a bucket lists of its versions, as XML. Reads only what it is looking for, in time that grows with the page. Pure.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 */

export interface ListedVersion {
  /** The object's name. */
  readonly path: string;
  readonly version: string;
  /** When the storage got it, in milliseconds since the epoch. */
  readonly at: number;
}

export interface ListingPage {
  readonly versions: readonly ListedVersion[];
  /** Name and version to go on behind; absent on the last page. */
  readonly next?: readonly [key: string, version: string];
}

/** A thousand versions, with names of a thousand characters. */
export const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** @returns undefined for what is no page */
export function pageOf(bytes: Buffer): ListingPage | undefined {
  const [head = '', ...rest] = bytes.toString('utf8').split('<Version>');
  if (!head.includes('<ListVersionsResult')) return undefined;
  const versions: ListedVersion[] = [];
  for (const piece of rest) {
    const end = piece.indexOf('</Version>');
    const one = piece.slice(0, Math.max(0, end));
    const [path, version] = [textOf(one, 'Key'), textOf(one, 'VersionId')];
    const at = Date.parse(textOf(one, 'LastModified') ?? '');
    if (path === undefined || version === undefined || Number.isNaN(at)) return undefined;
    versions.push({ path, version, at });
  }
  // What stands around the versions: the storage may put it in front of them or behind.
  const around = head + (rest.at(-1)?.split('</Version>')[1] ?? '');
  if (textOf(around, 'IsTruncated') !== 'true') return { versions };
  const [key, version] = [textOf(around, 'NextKeyMarker'), textOf(around, 'NextVersionIdMarker')];
  if (key === undefined || versions.length === 0) return undefined;
  return { versions, next: [key, version ?? ''] };
}

function textOf(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`, start);
  return start < 0 || end < 0 ? undefined : unescaped(xml.slice(start + name.length + 2, end));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] as string);
}
