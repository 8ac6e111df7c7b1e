/**
 * Turns whatever goes wrong in a request into `{code, sqlstate, message, detail, hint}` with the status of its code. Never
 * answers with a stack, or with the text of an error that is not a `SluiceError`.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { asSluiceError, SluiceError } from '../errors/sluice-error.ts';

/** What the API answers with instead of a result. */
export interface ErrorAnswer {
  readonly code: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** Installs the answers for errors and for routes that do not exist. */
export function answerErrors(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((thrown: FastifyError | SluiceError, request, reply) => {
    const error = translate(thrown);
    if (error.code === 'internal')
      log.error({ err: thrown, route: request.routeOptions.url }, 'request failed');
    return sendError(reply, error);
  });
  app.setNotFoundHandler((request: FastifyRequest, reply) => {
    const where = `${request.method} ${request.url.split('?')[0]!.slice(0, 100)}`;
    return sendError(reply, new SluiceError('not_found', `there is no ${where}`));
  });
}

/** The answer's body. */
export function errorAnswer({ code, sqlstate, message, detail, hint }: SluiceError): ErrorAnswer {
  return {
    code,
    sqlstate,
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
}

function sendError(reply: FastifyReply, error: SluiceError): FastifyReply {
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  return reply.code(error.httpStatus).type('application/json; charset=utf-8').send(errorAnswer(error));
}

/** Fastify's own errors are about the request; their texts name parts of it, never of us. */
function translate(thrown: FastifyError | SluiceError): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  if (thrown.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new SluiceError('statement_too_large', 'the request body is larger than the gate accepts');
  }
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500) {
    return new SluiceError('bad_request', `the request is malformed: ${thrown.message.slice(0, 200)}`);
  }
  return asSluiceError(thrown);
}
