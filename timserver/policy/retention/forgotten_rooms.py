"""A_28564 (orphaned rooms), first part: what everybody here has left and forgotten is purged."""

from timserver.policy.facts import RetentionFacts


def must_go(facts: RetentionFacts) -> bool:
    """No local user can ever see the room again."""
    return facts.local_members_left and facts.all_forgotten
