export { type CapableWorker, withCapacity } from './capacity.ts';
export type { Member } from './member.ts';
export {
  defaultMembershipLimits,
  type MemberEvent,
  Membership,
  type MembershipLimits,
  type MembershipOptions,
} from './membership.ts';
