/** Checks a configuration's shape against the schema and words what ajv found for people. */
import { Ajv, type ErrorObject } from 'ajv';
import { CONFIG_SCHEMA } from './config-schema.ts';
import type { ConfigPath, ConfigProblem, ConfigSource } from './config-source.ts';
import { didYouMean } from './nearest-name.ts';
import type { SchemaNode } from './schema-nodes.ts';

const ajv = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true });
ajv.addKeyword('patternErrorMessage').addKeyword('errorMessage');
const validate = ajv.compile(CONFIG_SCHEMA);

/** The problems of the file's shape, in the order of the file. Empty means that it has the shape of `RawConfig`. */
export function checkShape(source: ConfigSource): ConfigProblem[] {
  if (validate(source.value)) return [];
  const errors = (validate.errors ?? []).filter((error) => error.keyword !== 'propertyNames');
  const problems = errors.map((error) => word(source, error));
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function word(source: ConfigSource, error: ErrorObject): ConfigProblem {
  const parent = pathOf(error.instancePath);
  const schema = error.parentSchema as SchemaNode;
  const where = parent.length === 0 ? 'the file' : `${parent.at(-1)}`;
  if (error.propertyName !== undefined) return wordName(source, [...parent, error.propertyName], schema);
  switch (error.keyword) {
    case 'additionalProperties':
      return wordUnknownKey(source, parent, error.params.additionalProperty, schema);
    case 'required': {
      const key: string = error.params.missingProperty;
      const fix = `Add ${key}: ${exampleOf(schema.properties?.[key])}`;
      return source.problem(parent, `${where} lacks the key "${key}"`, fix, { at: 'key' });
    }
    case 'enum':
      return wordEnum(source, parent, error);
    case 'const':
      return source.problem(
        parent,
        `${where} must be ${error.params.allowedValue}`,
        `Write ${error.params.allowedValue}.`,
      );
    case 'type':
      return source.problem(
        parent,
        `${where} must be ${typeName(schema.type)}, but is ${kindOf(error.data)}`,
        schema.errorMessage ?? schema.patternErrorMessage ?? `Write ${typeName(schema.type)}.`,
      );
    default:
      return wordBound(source, parent, where, error, schema);
  }
}

function wordName(source: ConfigSource, path: ConfigPath, schema: SchemaNode): ConfigProblem {
  const fix = schema.patternErrorMessage ?? `Use 1 to ${schema.maxLength ?? 63} characters.`;
  return source.problem(path, `"${path.at(-1)}" is not a valid name here`, fix, { at: 'key' });
}

function wordUnknownKey(
  source: ConfigSource,
  parent: ConfigPath,
  key: string,
  schema: SchemaNode,
): ConfigProblem {
  const known = Object.keys(schema.properties ?? {});
  const place = parent.length === 0 ? '' : ` in ${parent.at(-1)}`;
  const fix = didYouMean(key, known, `Known keys are ${known.join(', ')}.`);
  return source.problem([...parent, key], `unknown key "${key}"${place}`, fix, { at: 'key' });
}

function wordEnum(source: ConfigSource, path: ConfigPath, error: ErrorObject): ConfigProblem {
  const allowed = (error.params.allowedValues as unknown[]).map(String);
  const fix = didYouMean(String(error.data), allowed, `Write ${allowed[0]}, for example.`);
  return source.problem(path, `${path.at(-1)} must be one of ${allowed.join(', ')}`, fix);
}

function wordBound(
  source: ConfigSource,
  path: ConfigPath,
  where: string,
  error: ErrorObject,
  schema: SchemaNode,
): ConfigProblem {
  const limit = error.params.limit;
  const worded: Readonly<Record<string, readonly [string, string]>> = {
    minimum: [`${where} must be at least ${limit}`, `Write a number of ${limit} or more.`],
    maximum: [`${where} must be at most ${limit}`, `Write a number of ${limit} or less.`],
    minLength: [`${where} is empty`, 'Give a value, or remove the key.'],
    maxLength: [`${where} is longer than ${limit} characters`, 'Shorten it.'],
    pattern: [
      `${where} is not written as expected`,
      schema.patternErrorMessage ?? 'See docs/configuration.md.',
    ],
    minProperties: [`${where} is empty`, schema.errorMessage ?? 'Add a key.'],
    maxProperties: [`${where} has more than one key`, schema.errorMessage ?? 'Remove a key.'],
    uniqueItems: [`${where} lists a value twice`, 'Remove one of the two.'],
  };
  const [message, fix] = worded[error.keyword] ?? [`${where} is not valid`, 'See docs/configuration.md.'];
  return source.problem(path, message, fix);
}

/** JSON pointer → path. */
function pathOf(pointer: string): ConfigPath {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function typeName(type: SchemaNode['type']): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a text',
    integer: 'a whole number',
    boolean: 'true or false',
    object: 'a mapping',
    array: 'a list',
  };
  return (typeof type === 'string' ? [type] : (type ?? [])).map((name) => names[name] ?? name).join(' or ');
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? 'a text' : typeof value === 'boolean' ? 'true or false' : 'a number';
}

function exampleOf(schema: SchemaNode | undefined): string {
  const example = schema?.const ?? schema?.default ?? schema?.enum?.[0] ?? schema?.examples?.[0];
  return example === undefined ? '…' : String(example);
}
