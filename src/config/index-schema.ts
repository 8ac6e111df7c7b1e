/** The JSON Schema of the section `index`. */
import { INDEX_DEFAULTS, INDEX_TLS_MODES } from './index-section.ts';
import { object, type SchemaNode, secret, text, whole } from './schema-nodes.ts';

export const INDEX_SCHEMA: SchemaNode = object(
  'Where the index of the ledger is kept: see search.md. By default, in the data directory.',
  {
    postgres: object(
      'A PostgreSQL database that holds it instead, version 12 or later.',
      {
        host: text('Its host name or address, or the directory of its Unix socket.', {
          pattern: '^(/\\S*|[^/\\s]+)$',
          patternErrorMessage: 'Give a host name, an address or the absolute path of a directory: no URL.',
          examples: ['index-db.internal', '/run/postgresql'],
        }),
        port: whole('Its TCP port.', 1, 65_535, { default: INDEX_DEFAULTS.port }),
        database: text('The database.', { maxLength: 63 }),
        user: text('The role the gateway logs in as.', { maxLength: 63 }),
        password: secret('The password of that role.'),
        schema: text('The schema, for this gateway alone. It is made if it is missing and the role may.', {
          pattern: '^[a-z_][a-z0-9_]{0,62}$',
          patternErrorMessage: 'Use at most 63 lower-case letters, digits and _.',
          default: INDEX_DEFAULTS.schema,
        }),
        tls: object('TLS towards the database. A Unix socket has none.', {
          mode: {
            description:
              'verify-full checks the certificate and the name, verify-ca the certificate; require encrypts without checking. The default is verify-full, or disable where the host is this machine.',
            enum: INDEX_TLS_MODES,
          },
          ca: text("PEM file with the certificates to trust instead of the system's.", {
            examples: ['./tls/db-ca.crt'],
          }),
          cert: text('PEM file with the certificate the gateway shows to the database.'),
          key: text('PEM file with its private key.'),
        }),
      },
      { required: ['host', 'database', 'user'] },
    ),
  },
);
