/** The demo's `sluice.yaml`, written as a newcomer would: it is there to be read and changed. */
import { stringify } from 'yaml';
import { SHOP_LABELS } from './shop-schema.ts';

/** What differs from demo to demo. Paths are relative to the file. */
export interface DemoConfigParts {
  readonly postgresPort: number;
  readonly httpPort: number;
  /** Where the demo's own PostgreSQL is, as whom the gateway logs in, and the file that holds the password. */
  readonly upstream: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly passwordFile: string;
  };
}

/** The text of the file. */
export function demoConfigText(parts: DemoConfigParts): string {
  const { host, port, user, passwordFile } = parts.upstream;
  const labels = indented(stringify(SHOP_LABELS), 6);
  return `# The demo's configuration. docs/configuration.md explains every key.
version: 1
dataDir: ./data
# Processes that serve; by default one for each core.
workers: 2

listen:
  postgres: { port: ${parts.postgresPort} }
  http: { port: ${parts.httpPort} }

# Who may connect. Their password is a token that expires: \`sluice token issue <principal>\`.
groups: [dba, support, agents]
principals:
  alice: { kind: human, displayName: Alice, groups: [dba] }
  bob: { kind: human, displayName: Bob, groups: [support] }
  report-bot: { kind: agent, displayName: Report bot, groups: [agents], mayActFor: [bob] }

databases:
  # Production: labelled columns are masked for whoever may not see them, risky statements wait for a dba.
  shop:
    engine: postgres
    environment: prod
    host: ${host}
    port: ${port}
    user: ${user}
    password: { file: ${passwordFile} }
    # What the columns hold. Each label has a mask; \`masks\` overrides it.
    labels:
${labels}
  # Development: everything goes.
  scratch:
    engine: postgres
    environment: dev
    host: ${host}
    port: ${port}
    user: ${user}
    password: { file: ${passwordFile} }
`;
}

function indented(text: string, spaces: number): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => ' '.repeat(spaces) + line)
    .join('\n');
}
