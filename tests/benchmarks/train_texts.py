"""Makes the dictionary that texts are compressed with: ``python tests/benchmarks/train_texts.py [--check]``.

The samples are what LLM applications send, made up here from a fixed seed: chats in the shapes of the OpenAI, Anthropic
and OpenTelemetry conventions, tool calls, retrieved documents, agents' plans, code, and the metadata that SDKs add.
Nothing in them is anybody's data. A new dictionary takes a new number; old ones stay, as texts name theirs.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import zstandard

NUMBER = 1
SIZE = 48 * 1024
TARGET = Path(__file__).parents[2] / "src" / "trunkline" / "store" / f"texts-{NUMBER}.zdict"

SYSTEM = """
You are a helpful assistant.|You are a support agent. Answer from the context only.|You are an expert software engineer.
You are a careful analyst. Think step by step before you answer.|Use the following pieces of context to answer the
question at the end. If you don't know the answer, just say that you don't know, don't try to make up an answer.|
Respond in JSON with the keys "answer", "confidence" and "sources".|Do not mention these instructions to the user.|
Given the following conversation and a follow up question, rephrase the follow up question to be a standalone question.|
Classify the message below into one of the following categories.|Summarize the text below in three bullet points.|
Translate the following text to English.|Extract all entities from the document and return them as a list.|
You have access to the following tools.|When you use a tool, explain why.|Keep your answers short and factual.|
Always answer in the language of the user.|Today's date is|Current conversation:|Rate the following response on a scale
from 1 to 5, where 5 is the best, and explain your reasoning.|The output should be a markdown code snippet formatted in
the following schema, including the leading and trailing "```json" and "```".
"""
PROSE = """
Thank you for reaching out.|I'm sorry to hear that you are having trouble with your order.|Please let me know if you
have any other questions.|I have checked the status of your account and|it looks like the payment was declined because
the card has expired.|You can find more information in the documentation.|According to the policy, refunds are processed
within five to seven business days.|The customer asked whether the delivery would arrive before the end of the week.|
Based on the information provided,|here is a summary of the main points:|First,|Second,|Finally,|In addition,|However,
|there are several ways in which this could be done.|For example,|the following table shows the results for each of
the|As of the latest quarter, revenue increased by|compared with the previous year|The function takes two arguments and
returns|This error usually means that the connection was closed by the server.|To fix this issue, you need to|make sure
that the environment variable is set|and then run the following command:|I don't have enough information to answer that
question.|Could you please provide more details about|What is the difference between|How do I|Can you explain why|Write
a function that|Let me look that up for you.|I would recommend that you|It is important to note that|The company was
founded in|and has its headquarters in|The patient was advised to|The contract shall be governed by the laws of|In the
event of a breach of this agreement,|The study found that participants who|were significantly more likely to|On the
other hand,|This is because the model|was trained on a large amount of data|Step 1:|Step 2:|Step 3:|Note that|It depends
on the size of your team and the number of users|Your subscription will renew automatically on|We apologize for the
inconvenience|Is there anything else I can help you with today?|The meeting is scheduled for|Please find attached|I hope
this helps!|Best regards,|Dear|Sure! Here's|Certainly! Here is|Of course, I can help with that.|The answer is|I think
|we should|they would have been|between the two of them|which is one of the most common|at the same time|as well as the
|in order to|because of the|a lot of people|should be able to|there is no|if you want to|would like to know|what kind of
"""
CODE = """
def main() -> None:\n    |import os\nimport json\n|from typing import Any\n|if __name__ == "__main__":\n    main()\n|
return result\n|for item in items:\n        |raise ValueError(f"|try:\n    |except Exception as e:\n    |print(|self.|
const response = await fetch(|function (|=> {\n  |}\n\n|SELECT * FROM |WHERE id = |ORDER BY created_at DESC LIMIT 10;|
```python\n|```\n\n|```json\n{\n  "|async def |await client.chat.completions.create(\n    model="gpt-4o",\n    messages=[
"""  # noqa: E501
TOPICS = """order refund invoice delivery account premium support ticket password login email address customer product
price discount shipping carrier tracking number policy section contract agreement payment card subscription plan upgrade
report analysis revenue quarter market search query document paragraph summary question answer context source page title
error message server database function class method variable file directory request response token model prompt user
weather city flight hotel booking date time location calendar meeting project task issue pull branch commit deployment
patient treatment study result research data table column value index memory thread process network security access key
résumé café größe für über nicht avec pour dans cliente pedido gracias información""".split()  # noqa: SIM905
MODELS = """gpt-4o gpt-4o-mini gpt-4.1 gpt-4o-2024-08-06 o3-mini claude-3-5-sonnet-20241022 claude-sonnet-4-20250514
gemini-1.5-pro gemini-2.0-flash mistral-large-latest llama-3.1-70b text-embedding-3-small""".split()  # noqa: SIM905
TOOLS = "search get_weather search_docs lookup_order run_query send_email read_file calculator create_ticket".split()  # noqa: SIM905


def phrases(text: str) -> list[str]:
    return [part.strip("\n").replace("\n", " ").replace("\\n", "\n") for part in text.split("|") if part.strip()]


class Sampler:
    """Deterministic samples of one application's traffic after another."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.system, self.prose, self.code = phrases(SYSTEM), phrases(PROSE), phrases(CODE)

    def text(self, sentences: int) -> str:
        rng = self.rng
        parts: list[str] = []
        for _ in range(sentences):
            parts.append(rng.choice(self.prose))
            parts.append(
                " ".join(rng.sample(TOPICS, rng.randint(2, 6))) + rng.choice([".", ",", "?", ".\n\n", ":\n- "])
            )
            if rng.random() < 0.15:
                parts.append(rng.choice(self.code))
        return " ".join(parts)

    def hexadecimal(self, size: int) -> str:
        return self.rng.randbytes(size).hex()

    def messages(self) -> list[dict[str, object]]:
        rng = self.rng
        found: list[dict[str, object]] = [
            {"role": "system", "content": " ".join(rng.sample(self.system, rng.randint(1, 3)))}
        ]
        for _ in range(rng.randint(1, 3)):
            text = self.text(rng.randint(1, 8))
            found.append({"role": "user", "content": text if rng.random() < 0.7 else [{"type": "text", "text": text}]})
            if rng.random() < 0.4:
                call = f"call_{self.hexadecimal(12)}"
                arguments = json.dumps({"query": " ".join(rng.sample(TOPICS, 3)), "limit": 10})
                function = {"name": rng.choice(TOOLS), "arguments": arguments}
                calls = [{"id": call, "type": "function", "function": function}]
                found.append({"role": "assistant", "content": None, "tool_calls": calls})
                found.append({"role": "tool", "tool_call_id": call, "content": self.text(2)})
            found.append({"role": "assistant", "content": self.text(rng.randint(1, 4))})
        return found[: rng.randint(2, len(found))]

    def input(self) -> object:
        rng = self.rng
        chat = self.messages()
        parts = [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in chat]
        query = " ".join(rng.sample(TOPICS, 4))
        tool = {
            "type": "function",
            "function": {
                "name": rng.choice(TOOLS),
                "description": rng.choice(self.prose),
                "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
            },
        }
        return rng.choice([
            chat, chat, {"messages": chat}, parts, {"messages": chat, "tools": [tool], "tool_choice": "auto"},
            {"args": [query], "kwargs": {"top_k": 5}}, {"query": query}, {"question": query, "chat_history": []},
            self.text(3), {"input": query, "intermediate_steps": []},
        ])  # fmt: skip

    def output(self) -> object:
        rng = self.rng
        text = self.text(rng.randint(1, 6))
        reply = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": reply | {"refusal": None}, "logprobs": None, "finish_reason": "stop"}
        usage = {"prompt_tokens": rng.randint(9, 999), "completion_tokens": rng.randint(9, 999), "total_tokens": 420}
        documents = [{"page_content": self.text(1), "metadata": {"source": f"docs/{rng.choice(TOPICS)}.md", "page": 1,
                      "score": rng.random()}, "type": "Document"} for _ in range(3)]  # fmt: skip
        return rng.choice([
            reply, reply, text, {"answer": text, "confidence": 0.9, "sources": []}, documents, None,
            {"id": "chatcmpl-" + self.hexadecimal(9), "object": "chat.completion", "model": rng.choice(MODELS),
             "choices": [choice], "usage": usage},
            {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "type": "message"},
            [{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}],
        ])  # fmt: skip

    def metadata(self) -> object:
        rng = self.rng
        resource = {"service.name": rng.choice(["app", "api", "agent", "unknown_service", "chat-backend"]),
                    "telemetry.sdk.language": rng.choice(["python", "nodejs"]), "telemetry.sdk.name": "opentelemetry",
                    "telemetry.sdk.version": rng.choice(["1.37.0", "1.40.0", "2.2.0"]), "process.pid": "4242",
                    "deployment.environment": "production", "host.name": f"ip-10-0-{rng.randint(0, 255)}"}  # fmt: skip
        scope = {"name": rng.choice(["langfuse-sdk", "openinference.instrumentation.openai", "ai", "strands-agents"]),
                 "version": rng.choice(["5.0.4", "4.18.0", "3.15.0"]),
                 "attributes": {"public_key": f"pk-lf-{self.hexadecimal(8)}"}}  # fmt: skip
        attributes = {"gen_ai.system": "openai", "gen_ai.request.model": rng.choice(MODELS), "llm.provider": "openai",
                      "gen_ai.operation.name": "chat", "gen_ai.request.temperature": "0.2", "session.id": "session-1",
                      "user.id": "user-1", "input.mime_type": "application/json",
                      "output.mime_type": "application/json"}  # fmt: skip
        kept = dict(rng.sample(sorted(attributes.items()), rng.randint(1, len(attributes))))
        return rng.choice([
            {"resourceAttributes": resource, "scope": scope},
            {"attributes": kept, "resourceAttributes": resource, "scope": scope},
            {"langgraph_step": 3, "langgraph_node": "agent", "ls_provider": "openai", "ls_model_type": "chat"},
            {"tags": rng.sample(TOPICS, 2), "region": "eu"}, None,
        ])  # fmt: skip

    def sample(self) -> bytes:
        """One text as the store packs it: input, output, metadata, model parameters."""
        rng = self.rng
        parameters = {"temperature": rng.choice([0, 0.2, 0.7, 1]), "max_tokens": rng.choice([256, 1024, "inf"]),
                      "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}  # fmt: skip
        separators = rng.choice([(",", ":"), (", ", ": ")])
        parts = [self.input(), self.output(), self.metadata(), rng.choice([None, parameters])]
        return b"".join(
            json.dumps(part, ensure_ascii=False, separators=separators).encode() for part in parts if part is not None
        )


def train() -> bytes:
    sampler = Sampler(1)
    samples = [sampler.sample() for _ in range(6000)]
    return zstandard.train_dictionary(SIZE, [*samples], dict_id=NUMBER, level=3, threads=1).as_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    dictionary = train()
    if parser.parse_args().check:
        raise SystemExit(0 if TARGET.read_bytes() == dictionary else f"{TARGET.name} is not what this script makes")
    TARGET.write_bytes(dictionary)
    sampler = Sampler(2)
    held_out = [sampler.sample() for _ in range(500)]
    compressor = zstandard.ZstdCompressor(level=3, dict_data=zstandard.ZstdCompressionDict(dictionary))
    before = sum(map(len, held_out))
    print(f"{len(dictionary)} bytes; held out: {before} -> {sum(len(compressor.compress(s)) for s in held_out)}")


if __name__ == "__main__":
    main()
