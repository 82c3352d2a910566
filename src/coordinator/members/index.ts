export type { Member } from './member.ts';
export {
  defaultMembershipLimits,
  type MemberEvent,
  Membership,
  type MembershipLimits,
  type MembershipOptions,
  protocolVersion,
} from './membership.ts';
