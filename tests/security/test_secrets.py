"""Secrets are hidden by one list of words, in values and in texts, wherever something is shown or sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqkit import Queue, queries
from pqkit.errors import Forbidden
from pqkit.log import _escape
from pqkit.redaction.redact import HIDDEN, SecretNeeded, public, redact, redacted, restored
from pqkit.redaction.secret_words import is_secret
from pqkit.security.permissions import Role, Scope, check
from tests.conftest import a_worker
from tests.rest import client_of
from tests.verbs import claim_one, fail

S = "hunter2"
SECRET_NAMES = """
password passwords password1 Password db_password dbPassword passwordHash password_hash pass db_pass PASS passwd pwd
DB_PWD passphrase passcode auth basic_auth authToken auth_header jwt JWT user_jwt otp otp_code totp session_id
sessionId SESSION_ID session sessionid PHPSESSID dsn sentry_dsn SENTRY_DSN database_url DATABASE_URL databaseUrl
connection_string connectionString ConnectionString credit_card creditCard credit_card_number card_number card ssh_key
sshKey SSH_PRIVATE_KEY private_key privateKey secret_key SECRET_KEY client_secret clientSecret api_key apiKey apikey
API-KEY x-api-key X-API-Key APIKEY access_key AWS_ACCESS_KEY_ID aws_secret_access_key AWS_SECRET_ACCESS_KEY
AWSSecretKey encryption_key signing_key master_key license_key token access_token accessToken refresh_token id_token
idToken csrf_token xsrf bearer bearer_token token2 credential credentials gcp_credentials creds cookie cookies
Set-Cookie session_cookie signature X-Amz-Signature sig pin PIN pin_code cvv cvv2 CVC iban IBAN ssn
social_security_number passwort Passwort db-passwort kennwort пароль Пароль пароль_базы contraseña senha 密码 パスワード
motDePasse authorization Authorization Proxy-Authorization authentication oauth oauth_token user.password
spring.datasource.password salt mnemonic seed_phrase webhook_secret hf_token GITHUB_TOKEN npm_config__authToken
vault_token secretAccessKey userpassword mypassword dbpass rootpw recovery_codes access_tokens github_tokens
FIELD_ENCRYPTION_KEY file_password zip_file_password key_file_password private_key_path_passphrase AGE_SECRET_KEY
card_num credit_card_num invalid_password failed_password type_password secret_at_rest invalid_token provider_token
psk wpa_psk mfa_code sms_code one_time_code oneTimeCode pincode pem private_pem ssh_private gh_pat pat wallet_seed
seed_words sas presigned_url slack_webhook webhook_url kubeconfig service_account_json keypair passw heslo sifre şifre
motdepasse pass\u200bword t\u200boken \uff50assword
"""
PLAIN_NAMES = """
keyboard monkey author authors passenger passengers compass passed primary_key key keys token_count unique_key
limit_key tokenizer tokenize keyword keywords authored authority bypass passive passport password_length
password_policy passwordless max_tokens total_tokens prompt_tokens completion_tokens tokens_used token_type token_url
auth_method auth_url session_count sessions secretary pinned ping opinion shipping mapping cardinality wildcard
discard cookbook signal signed design assigned foreign_key public_key sort_key cache_key s3_key object_key
idempotency_key group_key turkey key_id key_name passage overpass trespass name id url host user username email path
file count size status state message text data value type kind retries order orders address zip phone country width
height format token_limit password_file token_expires_at tokens stop_tokens eos_token pad_token special_tokens
token_ids next_token page_token pageToken continuation_token pass_rate first_pass low_pass forward_pass pass_number
session_start session_date training_session card_title dashboard_card gpio_pin pin_position key_points key_results
key_metrics key_phrases keyCode key_press issue_key jira_key project_key answer_key time_signature function_signature
sig_figs cookie_consent salt_ratio
"""
SECRET_TEXTS = r"""password=hunter2
cannot log in to h with password=hunter2
password: hunter2
Password = "hunter2 with spaces"
pwd=hunter2
PWD=hunter2;
PASSWORD_DB=hunter2
AWS_SECRET_ACCESS_KEY=hunter2
psql: PGPASSWORD=hunter2 psql
export API_KEY=hunter2
--password hunter2
--password=hunter2
cmd --db-password hunter2 --host x
['--password', 'hunter2', '--host', 'x']
["--token", "hunter2"]
postgres://me:hunter2@h/db
postgresql+psycopg://me:hunter2@h:5432/db
redis://:hunter2@h
postgres://me:my hunter2 pass@h/db
postgres://me:hun@hunter2@h/db
postgres://me:a/hunter2@h/db
mysql://u:12/hunter2@h/db
https://hunter2@github.com/x
https://hunter2:x@h/
https://user:hunter2@host/path?x=1
https://u:p%40hunter2@h
amqp://u:hunter2@h:5672//
postgres://me:hunter2…
https://h/p?token=hunter2&a=b
https://h/p?a=b&access_token=hunter2
https://h/cb?sig=hunter2
https://h/?X-Amz-Signature=hunter2&X-Amz-Date=1
Authorization: Bearer hunter2.def
Authorization: hunter2
{"Authorization": "Bearer hunter2"}
{'Authorization': 'Bearer hunter2'}
[('Authorization', 'Bearer hunter2x')]
{"name": "Authorization", "value": "hunter2"}
x {"name": "X-Api-Key", "value": "hunter2"} y
Bearer hunter2.abc
Cookie: a=1; session=hunter2
Set-Cookie: sid=hunter2; Path=/
{"password": "hunter2"}
{"a": {"password": "hunter2"}}
error in {"password": "hunter2"
{\"password\": \"hunter2\"}
"{\"user\": \"x\", \"api_key\": \"hunter2\"}"
{'db': {'passwd': 'hunter2'}}
token: str = "hunter2"
password == 'hunter2'
password=SecretStr('hunter2')
password=b'hunter2'
passphrase => hunter2
Server=x;Password=hunter2;Uid=b
Server=x;User Id=sa;Pwd=a,hunter2;Enc=1
API key: hunter2
private key: hunter2
dsn=hunter2
пароль: hunter2
"client_secret" : "hunter2"
connect(host='h', password='hunter2', port=1)
my_token=hunter2 in redis://:pw@h
session_id=hunter2
-----BEGIN RSA PRIVATE KEY----- hunter2 -----END RSA PRIVATE KEY-----"""
SHAPES = """
AKIAIOSFODNN7EXAMPLE ghp_16C7e42F292c6912E7710c838347Ae178B4a xoxb-123456789012-abcdefGHIJ sk-proj-abcdefgh12345678
AIzaSyA-abcdefghijklmnopqrstuvwxyz01234 glpat-abcdefghij1234567890 hf_abcdefghijklmnopqrstuvwx
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123 pq_0123456789_abcdefghijklmnop1234 sk_live_abcdefghijklmnop1234
"""
PLAIN_TEXTS = r"""a tokenizer and 3 passwords
ValueError: column a is missing in row 3
the password is wrong
invalid token
unexpected token '}' at line 3
KeyError: 'password'
Authorization failed
bearer token is needed
basic authentication is needed
https://host:8080/path and mail me@b.com
https://host/users/@me
http://localhost:4873/@scope/pkg
ssh://git@github.com/x.git
postgres://me@h/db
postgresql://localhost:5432/db
https://host/path?email=a@b.c
https://[::1]:80/x
author: me
monkey=1
key: value
primary_key=5
max_tokens=5
passed: 12
sqlite:////tmp/x.db
12:30:01 job=12 done
task-force sk-1 risk-averse
File "/a/b/token.py", line 3, in token
count=3; url=http://h/a?b=c
"keys": ["a", "b"]"""


def test_names_of_secrets_are_known_however_they_are_written() -> None:
    assert len(SECRET_NAMES.split()) >= 120
    assert [name for name in SECRET_NAMES.split() if not is_secret(name)] == []


def test_other_names_stay_visible() -> None:
    assert [name for name in PLAIN_NAMES.split() if is_secret(name)] == []


def test_secrets_in_texts_become_stars() -> None:
    assert len(SECRET_TEXTS.splitlines()) >= 60
    assert [text for text in SECRET_TEXTS.splitlines() if S in redact(text)] == []


def test_tokens_are_known_by_their_shape() -> None:
    assert [shape for shape in SHAPES.split() if shape in redact(f"got {shape} here")] == []


def test_other_texts_stay_as_they_are() -> None:
    assert [text for text in PLAIN_TEXTS.splitlines() if redact(text) != text] == []


@pytest.mark.parametrize(
    "value",
    [
        ["--password", S],
        [["Authorization", S], ["Accept", "*"]],
        {"headers": [{"key": "X-Api-Key", "value": S}]},
        {"name": "Authorization", "value": S},
        {"url": f"postgres://u:{S}@h/db"},
        {"body": json.dumps({"password": S})},
        {"auth": {"user": "x", "code": S}},
    ],
)
def test_secrets_in_values_are_hidden(value: object) -> None:
    shown = public(value)
    assert S not in str(shown)
    assert public(shown) == shown


PIECES = ["password", "=", ":", " ", '"', "'", "\\", "token: ", "://", "a", "@", "/", "Bearer ", "--", "{", "["]
PIECES += [",", "x1", "eyJ", ".", "\n", "sk-", "***", "cookie:"]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.one_of(texts, st.sampled_from(SECRET_NAMES.split())), inner)
    ),
)


@given(texts)
def test_what_was_redacted_stays_so(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(values)
def test_no_value_is_too_strange(value: object) -> None:
    json.dumps(public(value))


def test_depth_hides_no_secret_and_ends_nothing() -> None:
    deep: object = {"password": S}
    for _ in range(500):
        deep = [deep]
    assert S not in str(public(deep))
    assert S not in redact("[" * 50_000 + '{"password": "' + S)


# Where things are shown


@pytest.fixture
def planted(queue: Queue) -> int:
    """A job with a secret in its arguments, its error, its key and what was done to it."""
    args = {"card": S, "url": f"https://u:{S}@h", "n": 1}
    job = queue.enqueue("charge", args, unique_key=f"token={S}", max_retries=0).id
    worker = a_worker(queue, tasks=("charge",))
    claim = claim_one(worker)
    fail(worker, queue, claim, ValueError(f"cannot log in with password={S}"))
    queue.operator().mark_failed([job], reason=f"the pwd={S} is wrong")
    queue.operator().resubmit([job], reason=f"the pwd={S} is wrong")
    return job


def test_lists_details_and_the_trail_show_no_secret(queue: Queue, planted: int) -> None:
    database = queue.database
    everything = [
        queries.jobs(database),
        queries.job(database, planted),
        queries.trail(database),
        queries.search(database).jobs,
        queries.listed(database, [planted]),
    ]
    assert S not in str(everything)
    assert S in str(queries.job(database, planted, decrypt=True))


def test_a_token_that_reads_gets_no_secret_and_an_admins_does(queue: Queue, planted: int) -> None:
    queue.schedules().add("s", task="charge", every=60.0, args={"password": S})
    for path in ("/jobs", f"/jobs/{planted}", "/schedules", "/schedules/s"):
        with client_of(queue, Scope.READ) as api:
            answer = api.get(path)
            assert (answer.status_code, S in answer.text) == (200, False), path
        with client_of(queue, Scope.READ, Scope.ADMIN) as api:
            assert S in api.get(path).text


def test_a_worker_over_rest_gets_what_the_job_was_called_with(queue: Queue) -> None:
    queue.enqueue("charge", {"password": S})
    with client_of(queue, Scope.WORK) as api:
        assert api.post("/dequeue", json={}).json()["job"]["args"] == {"password": S}


def test_what_is_hidden_is_not_found_by_guessing(queue: Queue, planted: int) -> None:
    with client_of(queue, Scope.READ) as api:
        asked = ({"text": S}, {"text": "hun"}, {"error": S})
        found = [api.get("/jobs", params=each).json()["jobs"] for each in asked]
    queue.operator().cancel([planted])
    wanted = [queries.Filter(error=S), queries.Filter(group=f"ValueError: …{S}"), queries.Filter(text=S)]
    assert found == [[], [], []]
    assert [queries.jobs(queue.database, each) for each in wanted] == [[], [], []]


def test_log_lines_hide_secrets_and_keep_what_is_none() -> None:
    event = {"event": f"login with token={S}", "password": S, "job": 3, "error": f"ValueError: https://{S}@h"}
    shown = _escape(None, "info", event)
    assert S not in str(shown)
    assert shown["job"] == 3


def test_only_an_admin_may_read_secrets() -> None:
    for role in (Role.VIEWER, Role.OPERATOR):
        with pytest.raises(Forbidden):
            check(role.scopes, "read_secrets", "x")
    check(Role.ADMIN.scopes, "read_secrets", "x")


# Hidden values that are sent again


KEPT = {"url": "https://a/x", "password": S, "n": 1, "port": 80, "db": f"postgres://u:{S}@h"}


def test_hidden_values_stay_where_only_harmless_numbers_change() -> None:
    assert restored(public(KEPT), KEPT) == KEPT
    assert restored({**public(KEPT), "n": 2}, KEPT) == {**KEPT, "n": 2}


@pytest.mark.parametrize(
    "change", [{"url": "https://evil/x"}, {"port": 81}, {"proxy": "http://evil"}, {"db": "postgres://u:***@evil"}]
)
def test_a_hidden_value_is_not_sent_to_a_changed_address(change: dict[str, object]) -> None:
    with pytest.raises(SecretNeeded, match="type them anew"):
        restored({**public(KEPT), **change}, KEPT)
    anew = {**KEPT, **change, "password": "other"}
    assert restored(anew, KEPT) == anew


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("verify", True, False), ("host", 2130706433, 16909060), ("account", 1, 2), ("ip", [10, 0, 0, 1], [6, 6, 6, 6])],
)
def test_a_flag_or_a_number_that_may_be_an_address_takes_no_hidden_value_along(
    name: str, before: object, after: object
) -> None:
    kept = {"password": S, name: before, "limits": {"rows": 3}}
    assert restored({**public(kept), "limits": {"rows": 4}}, kept) == {**kept, "limits": {"rows": 4}}
    with pytest.raises(SecretNeeded, match="type them anew"):
        restored({**public(kept), name: after}, kept)


def test_operators_verbs_keep_to_that(queue: Queue, planted: int) -> None:
    shown = json.loads(queries.job(queue.database, planted).job.args)
    with pytest.raises(SecretNeeded):
        queue.operator().replace(planted, {**shown, "url": "https://evil"})
    new = queue.operator().replace(planted, {**shown, "n": 2})
    assert json.loads(queries.job(queue.database, new, decrypt=True).job.args) == {
        "card": S,
        "url": f"https://u:{S}@h",
        "n": 2,
    }
    with pytest.raises(SecretNeeded, match="is •••"):
        queue.operator().enqueue("charge", {"password": HIDDEN})


def test_a_schedule_keeps_to_that(queue: Queue) -> None:
    schedules = queue.schedules()
    schedules.add("s", task="charge", every=60.0, args={"url": "https://a", "password": S})
    schedules.edit("s", every=30.0, args={"url": "https://a", "password": HIDDEN})
    for change in ({"args": {"url": "https://evil", "password": HIDDEN}}, {"task": "publish"}):
        with pytest.raises(SecretNeeded):
            schedules.edit("s", **change)  # type: ignore[arg-type] # one of the options each
    assert S not in str(queries.trail(queue.database))
    assert S in redacted(json.dumps(S))  # a word alone is none
