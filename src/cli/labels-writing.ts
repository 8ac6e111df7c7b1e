/** Puts labels into a configuration's text and keeps what else is in it, comments and order included. */
import { isMap, parseDocument } from 'yaml';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ColumnLabel } from '../model/labels.ts';

/**
 * Labels of columns that have one already are left alone.
 * @throws {SluiceError} config_invalid if the text has no such database
 */
export function addLabels(
  text: string,
  database: string,
  labels: readonly ColumnLabel[],
): { readonly text: string; readonly added: number } {
  const document = parseDocument(text);
  const place = ['databases', database];
  if (document.errors.length > 0 || !isMap(document.getIn(place)))
    throw new SluiceError('config_invalid', `the configuration has no database "${database}" to label`);
  let added = 0;
  for (const { relation, column, label, path: keys = [] } of labels) {
    const path = [...place, 'labels', relation, [column, ...keys].join('->')];
    if (document.hasIn(path)) continue;
    document.setIn(path, label);
    added += 1;
  }
  // The width keeps long lines as somebody wrote them.
  return {
    text: added === 0 ? text : document.toString({ lineWidth: 0, flowCollectionPadding: true }),
    added,
  };
}
