/** Automatic reviewers as the configuration names them, and what they are counted by. */
import { Counter } from 'prom-client';
import type { Approvals } from '../approvals/approvals.ts';
import { AutomaticReviewers, type Reviewer } from '../approvals/reviewers/automatic-reviewers.ts';
import type { ReviewerConfig } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { ApprovalDeskOptions } from './approval-desk.ts';

/** @throws {SluiceError} config_invalid */
export function openReviewers(
  { config, principals, registry, log }: ApprovalDeskOptions,
  approvals: Approvals,
): AutomaticReviewers {
  const answers = new Counter({
    name: 'sluice_reviews_total',
    help: 'Answers of automatic reviewers: approve, deny, escalate, or failed',
    labelNames: ['reviewer', 'result'],
    registers: [registry],
  });
  return new AutomaticReviewers({
    reviewers: config.reviewers.map((one) => reviewerOf(one, principals)),
    approvals,
    ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
    now: Date.now,
    report: (reviewer, result, why) => {
      answers.inc({ reviewer, result });
      if (result === 'failed') log.warn({ reviewer, why }, 'an automatic reviewer did not answer');
    },
  });
}

function reviewerOf(config: ReviewerConfig, principals: ApprovalDeskOptions['principals']): Reviewer {
  const { principal: id, timeoutMs, includeStatement } = config;
  const principal = principals.get(id);
  if (principal === undefined) throw new SluiceError('config_invalid', `there is no principal ${id}`);
  if ('command' in config)
    return { principal, includeStatement, target: { command: config.command, timeoutMs } };
  const { url, secret } = config;
  if (secret !== undefined) return { principal, includeStatement, target: { url, secret, timeoutMs } };
  throw new SluiceError('config_invalid', `the secret of the reviewer ${id} was not read`);
}
