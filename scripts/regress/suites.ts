/**
 * The suites of a built source tree of PostgreSQL that run against an installed server: `regress`, `isolation`, PL/pgSQL's own, and
 * those of each contrib module, with the options and server settings that its makefile asks for.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What one run of a driver covers. */
export interface Suite {
  /** Such as `regress`, `contrib/hstore`, `contrib/test_decoding (isolation)`. */
  readonly name: string;
  readonly driver: 'pg_regress' | 'pg_isolation_regress';
  /** Where the driver runs and finds `sql`, `specs` and `expected`. */
  readonly directory: string;
  /** Options and names of tests. */
  readonly args: readonly string[];
  /** The database that the driver makes. */
  readonly database: string;
  /** Lines for postgresql.conf. */
  readonly settings: string;
}

/** @param tree the top of the built tree */
export function suitesOf(tree: string): Suite[] {
  const contrib = makeVariables(join(tree, 'contrib'), ['SUBDIRS'])[0]!.split(/\s+/).sort();
  return [
    {
      name: 'regress',
      driver: 'pg_regress',
      directory: join(tree, 'src/test/regress'),
      args: ['--dlpath=.', '--max-concurrent-tests=20', '--schedule=parallel_schedule'],
      database: 'regression',
      settings: '',
    },
    {
      name: 'isolation',
      driver: 'pg_isolation_regress',
      directory: join(tree, 'src/test/isolation'),
      args: ['--schedule=isolation_schedule'],
      database: 'isolation_regression',
      settings: '',
    },
    ...makefileSuites('plpgsql', join(tree, 'src/pl/plpgsql/src')),
    ...contrib.flatMap((module) => makefileSuites(`contrib/${module}`, join(tree, 'contrib', module))),
  ];
}

/** What a makefile names in REGRESS and ISOLATION. */
function makefileSuites(name: string, directory: string): Suite[] {
  const variables = ['REGRESS', 'REGRESS_OPTS', 'ISOLATION', 'ISOLATION_OPTS'];
  const [regress, regressOptions, isolation, isolationOptions] = makeVariables(directory, variables).map(
    (value) => value.split(/\s+/).filter((word) => word !== ''),
  );
  const suite = (
    suffix: string,
    driver: Suite['driver'],
    tests: readonly string[],
    options: readonly string[],
  ): Suite[] => {
    if (tests.length === 0) return [];
    const { rest, settings, database } = readOptions(directory, options);
    return [{ name: name + suffix, driver, directory, args: [...rest, ...tests], settings, database }];
  };
  return [
    ...suite('', 'pg_regress', regress!, regressOptions!),
    ...suite(' (isolation)', 'pg_isolation_regress', isolation!, isolationOptions!),
  ];
}

/** Settings are for whoever starts the server; against one that runs, the drivers pass over them. */
function readOptions(directory: string, options: readonly string[]) {
  const rest: string[] = [];
  let settings = '';
  let database = 'contrib_regression';
  for (let i = 0; i < options.length; i += 1) {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/.exec(options[i]!) ?? [];
    if (name === 'temp-config') {
      settings += readFileSync(resolve(directory, value ?? options[++i]!), 'utf8');
    } else if (name === 'dbname') database = value ?? options[++i]!;
    else rest.push(options[i]!);
  }
  return { rest, settings, database };
}

/** The values of variables of a makefile, as make itself reads them. */
function makeVariables(directory: string, names: readonly string[]): string[] {
  const recipe = names.map((name) => `@printf '%s\\n' '$(strip $(${name}))'`).join(' ; ');
  const args = ['-s', '--no-print-directory', `--eval=tell-variables: ; ${recipe.replaceAll(' ; @', ' ; ')}`];
  const told = execFileSync('make', [...args, 'tell-variables'], { cwd: directory, encoding: 'utf8' });
  return told.split('\n').slice(0, names.length);
}
