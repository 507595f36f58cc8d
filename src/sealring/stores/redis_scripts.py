"""The scripts that the server runs, each within one slot and therefore each one atomic.

Numbers are compared by value and kept as the text they came in; only a sum is ever written anew, with the 17 digits
that bring back exactly the same double.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final

Argument = bytes | str | int | float
"""The driver sends a float as its shortest exact decimal, as :func:`~sealring.stores.redis_rows.text` does."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to the server by its digest.

    Attributes:
        source: the text.
        digest: what EVALSHA calls it by.
    """

    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is the server's name for a script, no protection of anything.
        object.__setattr__(self, "digest", sha1(self.source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Command:
    """One command on its way to the server.

    Attributes:
        arguments: the command and what it takes.
        script: the script that it runs by digest, or None.
        routed_by: its key, where that does not stand in the usual place.
    """

    arguments: tuple[Argument, ...]
    script: Script | None = None
    routed_by: bytes | None = None

    @property
    def key(self) -> bytes:
        """The key that tells which node of a cluster it goes to; all of its keys are of one slot."""
        if self.routed_by is not None:
            return self.routed_by
        key = self.arguments[1] if self.script is None else self.arguments[3]
        return key if isinstance(key, bytes) else str(key).encode()

    def with_its_source(self) -> "Command":
        """Return the same command for a server that need not know the script."""
        if self.script is None:
            return self
        return Command(("EVAL", self.script.source, *self.arguments[2:]))


def command(*arguments: Argument) -> Command:
    """Return a plain command."""
    return Command(arguments)


def call(script: Script, keys: Sequence[bytes], *arguments: Argument) -> Command:
    """Return the call of a script.

    Args:
        script: what to run.
        keys: every key that it touches, all of one slot.
        arguments: what it takes.
    """
    return Command(("EVALSHA", script.digest, len(keys), *keys, *arguments), script)


# The life of a row moves as its end moves, so that the clocks of application and server need not agree.
_MOVE_END: Final = """
local function move_end(key, idle_end, wanted, absolute_end, values)
    local idle, absolute = tonumber(idle_end), tonumber(absolute_end)
    local least = wanted
    if absolute < tonumber(wanted) then least = absolute_end end
    if tonumber(least) <= idle then return end
    values[#values + 1] = 'idle_end'
    values[#values + 1] = least
    local longer = math.min(tonumber(least), absolute) - math.min(idle, absolute)
    local left = redis.call('PTTL', key)
    if left > 0 and longer > 0 then
        redis.call('PEXPIRE', key, string.format('%.0f', left + math.ceil(longer * 1000)))
    end
end
local function maybe(values, name, argument)
    if argument == '' then
        redis.call('HDEL', KEYS[1], name)
    else
        values[#values + 1] = name
        values[#values + 1] = string.sub(argument, 2)
    end
end
"""

ROTATE: Final = Script(
    _MOVE_END
    + """
local f = redis.call('HMGET', KEYS[1], 'secret_hash', 'client_id', 'generation', 'revoked_at', 'cnf_thumbprint',
    'confirmed_generation', 'confirmed_at', 'idle_end', 'absolute_end', 'idle_seconds', 'last_seen')
local secret_hash, client_id, generation, cnf = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now, settled_before, active_at = ARGV[5], ARGV[6], ARGV[7]
local attempt, sender_hint, key_version = ARGV[8], ARGV[9], ARGV[10]
if f[1] ~= secret_hash or f[2] ~= client_id or f[3] ~= generation or f[4] then return false end
if f[5] and '=' .. f[5] ~= cnf then return false end
if tonumber(now) >= math.min(tonumber(f[8]), tonumber(f[9])) then return false end
if tonumber(f[6]) < tonumber(f[3]) or tonumber(f[7]) >= tonumber(settled_before) then return false end
local values = {'rotated_at', now, 'sender_hint', sender_hint, 'key_version', key_version}
if tonumber(now) > tonumber(f[11]) then
    values[#values + 1] = 'last_seen'
    values[#values + 1] = now
end
if active_at ~= '' then
    local wanted = string.format('%.17g', tonumber(active_at) + tonumber(f[10]))
    move_end(KEYS[1], f[8], wanted, f[9], values)
end
maybe(values, 'attempt', attempt)
redis.call('HSET', KEYS[1], unpack(values))
redis.call('HINCRBY', KEYS[1], 'generation', 1)
return redis.call('HGETALL', KEYS[1])
"""
)

SWAP: Final = Script(
    _MOVE_END
    + """
local f = redis.call('HMGET', KEYS[1], 'generation', 'confirmed_generation', 'replay_generation', 'ep', 'attempt',
    'revoked_at', 'idle_end', 'absolute_end', 'last_seen')
if not f[1] or f[6] then return 0 end
for i = 1, 4 do
    if f[i] ~= ARGV[i] then return 0 end
end
if (f[5] and '=' .. f[5] or '') ~= ARGV[5] then return 0 end
local values = {}
maybe(values, 'attempt', ARGV[6])
if tonumber(ARGV[8]) > tonumber(f[9]) then
    values[#values + 1] = 'last_seen'
    values[#values + 1] = ARGV[8]
end
move_end(KEYS[1], f[7], ARGV[7], f[8], values)
for i = 9, #ARGV do values[#values + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(values))
return 1
"""
)

CONFIRM: Final = Script(
    """
local f = redis.call('HMGET', KEYS[1], 'generation', 'confirmed_generation', 'last_seen', 'revoked_at')
if not f[1] or f[4] then return 0 end
local seen = ARGV[1]
if tonumber(seen) > tonumber(f[1]) then seen = f[1] end
if tonumber(seen) > tonumber(f[2]) then
    redis.call('HSET', KEYS[1], 'confirmed_generation', seen, 'confirmed_at', ARGV[2])
end
if tonumber(ARGV[2]) > tonumber(f[3]) then redis.call('HSET', KEYS[1], 'last_seen', ARGV[2]) end
return 1
"""
)

OPEN: Final = Script(
    """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""
)

# A login that lost. A session that was ended before it could be undone was opened before that, and stays.
UNDO: Final = Script(
    """
if redis.call('HEXISTS', KEYS[1], 'revoked_at') == 1 then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""
)

END: Final = Script(
    """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'revoked_at') == 1 then return false end
redis.call('HSET', KEYS[1], 'revoked_at', ARGV[1], 'revoked_reason', ARGV[2])
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return redis.call('HGETALL', KEYS[1])
"""
)

RAISE_EPOCH: Final = Script(
    """
local f = redis.call('HMGET', KEYS[1], 'ep', 'revoked_at')
if not f[1] or f[2] or f[1] ~= ARGV[1] then return false end
redis.call('HINCRBY', KEYS[1], 'ep', 1)
return redis.call('HGETALL', KEYS[1])
"""
)

# Returns when the session ended if that is not yet before the moment, and nothing when there is no row (any more).
PURGE: Final = Script(
    """
local f = redis.call('HMGET', KEYS[1], 'idle_end', 'absolute_end', 'revoked_at')
if not f[1] then return false end
local least = f[1]
if tonumber(f[2]) < tonumber(least) then least = f[2] end
if f[3] and tonumber(f[3]) < tonumber(least) then least = f[3] end
if tonumber(least) >= tonumber(ARGV[1]) then return least end
redis.call('DEL', KEYS[1])
return false
"""
)

# Epoch and index of a subject are in one slot, so a login enters the index under the epoch that it began with.
ENTER_INDEX: Final = Script(
    """
local epoch = redis.call('GET', KEYS[1]) or '0'
if epoch ~= '0' and epoch ~= ARGV[1] then return -1 end
local added = redis.call('SADD', KEYS[2], ARGV[2])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return added
"""
)

# Milliseconds: a number that the subject has never had, also after the one before has left.
RAISE_SUBJECT_EPOCH: Final = Script(
    """
local epoch = tonumber(redis.call('GET', KEYS[1]) or '0')
epoch = math.max(epoch + 1, math.floor(tonumber(ARGV[1]) * 1000))
redis.call('SET', KEYS[1], string.format('%.0f', epoch), 'PX', ARGV[2])
return redis.call('SMEMBERS', KEYS[2])
"""
)

# A cursor is the time in microseconds, and always more than the one before: after a failover that lost the newest
# denials, later ones still come behind every cursor that was given.
APPEND: Final = Script(
    """
local time = redis.call('TIME')
local cursor = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', cursor)
local member = text .. ' ' .. ARGV[2]
redis.call('SET', KEYS[1], text)
redis.call('ZADD', KEYS[2], text, member)
redis.call('ZADD', KEYS[3], ARGV[1], member)
redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', '', '')
return 1
"""
)

# A cursor beyond the head was given before the newest denials were lost: its follower begins anew.
READ_FEED: Final = Script(
    """
local head = redis.call('GET', KEYS[1]) or '0'
local after = ARGV[1]
if tonumber(after) > tonumber(head) then after = '0' end
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. after, '+inf', 'LIMIT', 0, ARGV[2])
return {head, found}
"""
)

PURGE_FEED: Final = Script(
    """
local spent = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #spent == 0 then return 0 end
redis.call('ZREM', KEYS[2], unpack(spent))
return redis.call('ZREM', KEYS[3], unpack(spent))
"""
)

REPLACE_RING: Final = Script(
    """
if (redis.call('HGET', KEYS[1], 'revision') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'rows', ARGV[3])
return 1
"""
)

TAKE_LEASE: Final = Script(
    """
local f = redis.call('HMGET', KEYS[1], 'holder', 'until')
local now, seconds = tonumber(ARGV[2]), tonumber(ARGV[3])
if f[1] and f[1] ~= ARGV[1] then
    local held_until = tonumber(f[2])
    if held_until > now and held_until <= now + 2 * seconds then return 0 end
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', string.format('%.17g', now + seconds))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""
)

LEAVE_LEASE: Final = Script(
    """
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
)
