"""Every SDK: several clients with several projects in one process; masks; a disabled one; wrong keys."""

from langfuse import Langfuse
from sdk import MAJOR, NAME, keys_of


def record(client, name, **fields):
    """One trace with one span; its id. In the newer SDKs a trace is what its root span is."""
    if MAJOR == 2:
        trace = client.trace(name=name, **fields)
        trace.span(name=f"{name}: span", **fields).end()
        return trace.id
    with client.start_as_current_observation(name=name, as_type="span", **fields) as root:
        client.start_observation(name=f"{name}: span", as_type="span", **fields).end()
        return root.trace_id


def masked(data, **_):
    if isinstance(data, str):
        return data.replace("secret", "***")
    if isinstance(data, dict):
        return {key: masked(data=value) for key, value in data.items()}
    return data


def score(client, trace_id, value):
    method = client.score if MAJOR == 2 else client.create_score
    method(name="whose", value=value, trace_id=trace_id)


def run():
    first = Langfuse(environment="first")
    second = Langfuse(**keys_of("SECOND"), environment="second")
    found = {"auth": [first.auth_check(), second.auth_check()]}
    found["first"] = record(first, f"{NAME} of the first", input={"project": 1})
    found["second"] = record(second, f"{NAME} of the second", input={"project": 2})
    score(first, found["first"], 1)
    score(second, found["second"], 2)
    second.create_prompt(name=f"{NAME}/only here", prompt="of the second", labels=["production"])
    try:
        first.get_prompt(f"{NAME}/only here", max_retries=1)
        found["leak"] = True
    except Exception as error:
        found["leak"] = type(error).__name__
    for each in (first, second):
        each.flush()
    try:
        wrong = Langfuse(public_key="pk-lf-wrong", secret_key="sk-lf-wrong")
        found["wrong"] = wrong.auth_check()
    except Exception as error:
        found["wrong"] = type(error).__name__
    found.update(limited())
    return found


def limited():
    """Clients that hold back; keys of the second project's, as a client is one for each public key."""
    found = {}
    for key, options in {
        "masked": dict(mask=masked),
        "disabled": dict(enabled=False) if MAJOR == 2 else dict(tracing_enabled=False),
    }.items():
        client = Langfuse(**keys_of(key.upper()), **options)
        found[key] = record(
            client, f"{NAME} {key}", input={"text": "my secret"}, output="secret", metadata={"m": "a secret"}
        )
        client.flush()
        client.shutdown()
    return found
