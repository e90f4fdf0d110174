"""Whether prompts are rendered and tokenised as transformers does it, for chat templates in a folder.

    templates.py MODEL.gguf FOLDER

FOLDER has templates as *.jinja, for example those that llama.cpp's sources carry in models/templates; each is given to
the model's tokenizer. A line for each template, status 1 if any prompt differs. Run from the top of the repository.
"""

import datetime
import json
import os
import shutil
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.dont_write_bytecode = True

import tools  # noqa: E402
import transformers  # noqa: E402
from transformers.utils import chat_template_utils  # noqa: E402

transformers.utils.logging.set_verbosity_error()

# Questions and instructions; one spells out a control token, which must come out as text all the same.
QUESTIONS = [
    ("What is 2+2?", "Be brief."), ("  spaced <|im_end|> text\n", None), ("Why?\n\n- a\n- b", ""),
    ("Ünïcode 🙂 {{ x }}", "Sys\ttem "),
]
# The day that prompts are written on, whenever that is.
TODAY = datetime.datetime(2024, 7, 26)


def rendered(jinja, tokenizer, messages):
    """What Python's jinja2 makes of the messages, as transformers sets it up."""
    template = chat_template_utils._compile_jinja_template(jinja)
    template.globals["strftime_now"] = TODAY.strftime
    return template.render(
        messages=messages, tools=None, documents=None, add_generation_prompt=True, bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
    )


def expected(jinja, tokenizer, question, instruction):
    """The prompt; where the template has no place for the instruction, it joins the question."""
    user = {"role": "user", "content": question}
    if not instruction:
        return rendered(jinja, tokenizer, [user])
    try:
        text = rendered(jinja, tokenizer, [{"role": "system", "content": instruction}, user])
        if instruction.strip() in text:
            return text
    except Exception:  # Whatever a template raises, it does not take the message.
        pass
    return rendered(jinja, tokenizer, [{"role": "user", "content": f"{instruction}\n\n{question}"}])


def main():
    gguf, folder = sys.argv[1:]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="nlft-templates-") as work:
        base = os.path.join(work, "base")
        tools.run("nlft-export", "--model", gguf, "--merge", base, "--type", "bf16")
        with open(os.path.join(base, "tokenizer_config.json"), encoding="utf-8") as file:
            configuration = json.load(file)
        configuration.pop("chat_template", None)
        records = [
            {"id": index, "question": question} | ({"instruction": instruction} if instruction else {})
            for index, (question, instruction) in enumerate(QUESTIONS)
        ]
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".jinja")):
            model = os.path.join(work, "model")
            os.mkdir(model)
            for file in ["tokenizer.json", "config.json"]:
                shutil.copy(os.path.join(base, file), model)
            with open(os.path.join(model, "tokenizer_config.json"), "w", encoding="utf-8") as file:
                json.dump(configuration, file)
            shutil.copy(os.path.join(folder, name), os.path.join(model, "chat_template.jinja"))
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                jinja = file.read()
            tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(model)
            try:
                prompts = [expected(jinja, tokenizer, *question) for question in QUESTIONS]
                reason = None
            except Exception as error:
                reason = str(error)
            try:
                found = [
                    tokenizer.decode(record["tokens"]["base"])
                    for record in tools.run("nlft-tokenize", "--model", model, records=records)
                ]
            except tools.ToolFailure as failure:
                is_right = reason is not None
                print(f"{'refused' if is_right else 'WRONG  '} {name}: {str(failure).partition('the chat ')[2][:150]}")
            else:
                same = 0 if reason else sum(map(str.__eq__, found, prompts))
                is_right = same == len(QUESTIONS)
                print(f"{'ok     ' if is_right else 'WRONG  '} {name}: {same} of {len(QUESTIONS)} prompts are jinja2's")
            wrong += not is_right
            shutil.rmtree(model)
    sys.exit(1 if wrong else 0)


main()
