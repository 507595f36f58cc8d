"""Names of claims that have a meaning already, so that an application's own claims never take one by accident."""

from typing import Final

OWN_NAMES: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "client_id",
    "sid",
    "gen",
    "ep",
    "ver",
    "scope",
    "auth_time",
    "amr",
)
"""The claims that every access token of ours has or may have, in the order in which they are written."""

# Claims that bind, sender-constrain or revoke tokens of ours, or that other kinds of token of ours carry.
_PROTOCOL = """
    nbf cnf act may_act acr azp nonce at_hash c_hash s_hash events toe txn status status_list ttl htm htu ath jwk
    sub_jwk sub_id authorization_details token_introspection jwks jwks_uri crit
"""

# IANA "JSON Web Token Claims": the protocols that use JWTs for something else than access tokens.
_FOREIGN = """
    sip_from_tag sip_date sip_callid sip_cseq_num sip_via_branch orig dest mky rph vot vtm attest origid jcard
    at_use_nbr div opt vc vp sph ace_profile cnonce exi eat_nonce ueid sueids oemid hwmodel hwversion oemboot dbgstat
    location eat_profile submods uptime bootcount bootseed dloas swname swversion manifests measurements measres intuse
    cdniv cdnicrit cdniip cdniuc cdniets cdnistt cdnistd sig_val_claims verified_claims atc rcd rcdi crn msgi
    _claim_names _claim_sources rdap_allowed_purposes rdap_dnt_allowed geohash _sd ... _sd_alg sd_hash vct
    vct#integrity consumerPlmnId consumerSnpnId producerPlmnId producerSnpnId producerSnssaiList producerNsiList
    producerNfSetId producerNfServiceSetId sourceNfInstanceId analyticsIdList resOwnerId cmw metadata constraints ref
    delegation logo_uri authority_hints trust_anchor_hints trust_marks trust_mark_issuers trust_mark_owners
    metadata_policy metadata_policy_crit source_endpoint keys trust_mark_type trust_chain trust_anchor stpl
"""

# OpenID Connect Core section 5.1 and OpenID Connect for Identity Assurance, RFC 9068 section 2.2.3.1.
_DESCRIPTIVE = """
    name given_name family_name middle_name nickname preferred_username profile picture website email email_verified
    gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at place_of_birth nationalities
    birth_family_name birth_given_name birth_middle_name salutation title msisdn also_known_as
    roles groups entitlements
"""

DESCRIPTIVE: Final = frozenset(_DESCRIPTIVE.split())
"""Registered names that only tell about the user.

RFC 9068 section 2.2.2 wants such attributes under their registered names, so an application may use one, in its
registered meaning, by saying so (``ClaimsSchema(…, registered=…)``); otherwise it is refused like the others.
"""

RESERVED: Final = frozenset({*OWN_NAMES, *_PROTOCOL.split(), *_FOREIGN.split()})
"""Names that no claim of an application may ever have."""
