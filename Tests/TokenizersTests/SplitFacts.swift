/// How Hugging Face's tokenizers 0.23.3 cuts texts under each split rule; one JSON object a line.
enum SplitFacts {
  static let lines = #"""
    {"text": "Hello world", "gpt-2": ["Hello", " world"], "smollm": ["Hello", " world"], "llama-bpe": ["Hello", " world"], "qwen2": ["Hello", " world"]}
    {"text": "  Hello   world  ", "gpt-2": [" ", " Hello", "  ", " world", "  "], "smollm": [" ", " Hello", "  ", " world", "  "], "llama-bpe": [" ", " Hello", "  ", " world", "  "], "qwen2": [" ", " Hello", "  ", " world", "  "]}
    {"text": "don't WE'LL I'Ve he'd 'S 's'S x'RE", "gpt-2": ["don", "'t", " WE", "'", "LL", " I", "'", "Ve", " he", "'d", " '", "S", " '", "s", "'", "S", " x", "'", "RE"], "smollm": ["don", "'t", " WE", "'", "LL", " I", "'", "Ve", " he", "'d", " '", "S", " '", "s", "'", "S", " x", "'", "RE"], "llama-bpe": ["don", "'t", " WE", "'LL", " I", "'Ve", " he", "'d", " '", "S", " '", "s", "'S", " x", "'RE"], "qwen2": ["don", "'t", " WE", "'LL", " I", "'Ve", " he", "'d", " '", "S", " '", "s", "'S", " x", "'RE"]}
    {"text": "it'\u017fx it'\u017f", "gpt-2": ["it", "'", "\u017fx", " it", "'", "\u017f"], "smollm": ["it", "'", "\u017fx", " it", "'", "\u017f"], "llama-bpe": ["it", "'\u017f", "x", " it", "'\u017f"], "qwen2": ["it", "'\u017f", "x", " it", "'\u017f"]}
    {"text": "'", "gpt-2": ["'"], "smollm": ["'"], "llama-bpe": ["'"], "qwen2": ["'"]}
    {"text": "''s", "gpt-2": ["''", "s"], "smollm": ["''", "s"], "llama-bpe": ["''", "s"], "qwen2": ["''", "s"]}
    {"text": "'l", "gpt-2": ["'", "l"], "smollm": ["'", "l"], "llama-bpe": ["'l"], "qwen2": ["'l"]}
    {"text": "'r", "gpt-2": ["'", "r"], "smollm": ["'", "r"], "llama-bpe": ["'r"], "qwen2": ["'r"]}
    {"text": "r'ex", "gpt-2": ["r", "'", "ex"], "smollm": ["r", "'", "ex"], "llama-bpe": ["r", "'ex"], "qwen2": ["r", "'ex"]}
    {"text": "a1b22c333d4444", "gpt-2": ["a", "1", "b", "22", "c", "333", "d", "4444"], "smollm": ["a", "1", "b", "2", "2", "c", "3", "3", "3", "d", "4", "4", "4", "4"], "llama-bpe": ["a", "1", "b", "22", "c", "333", "d", "444", "4"], "qwen2": ["a", "1", "b", "2", "2", "c", "3", "3", "3", "d", "4", "4", "4", "4"]}
    {"text": "3.14159 1,000,000", "gpt-2": ["3", ".", "14159", " 1", ",", "000", ",", "000"], "smollm": ["3", ".", "1", "4", "1", "5", "9", " ", "1", ",", "0", "0", "0", ",", "0", "0", "0"], "llama-bpe": ["3", ".", "141", "59", " ", "1", ",", "000", ",", "000"], "qwen2": ["3", ".", "1", "4", "1", "5", "9", " ", "1", ",", "0", "0", "0", ",", "0", "0", "0"]}
    {"text": "  12  345", "gpt-2": [" ", " 12", " ", " 345"], "smollm": ["  ", "1", "2", "  ", "3", "4", "5"], "llama-bpe": [" ", " ", "12", " ", " ", "345"], "qwen2": [" ", " ", "1", "2", " ", " ", "3", "4", "5"]}
    {"text": "x 1", "gpt-2": ["x", " 1"], "smollm": ["x", " ", "1"], "llama-bpe": ["x", " ", "1"], "qwen2": ["x", " ", "1"]}
    {"text": "x  1\n2", "gpt-2": ["x", " ", " 1", "\n", "2"], "smollm": ["x", "  ", "1", "\n", "2"], "llama-bpe": ["x", " ", " ", "1", "\n", "2"], "qwen2": ["x", " ", " ", "1", "\n", "2"]}
    {"text": "\n\n\n a", "gpt-2": ["\n\n\n", " a"], "smollm": ["\n\n\n", " a"], "llama-bpe": ["\n\n\n", " a"], "qwen2": ["\n\n\n", " a"]}
    {"text": "a \n b", "gpt-2": ["a", " \n", " b"], "smollm": ["a", " \n", " b"], "llama-bpe": ["a", " \n", " b"], "qwen2": ["a", " \n", " b"]}
    {"text": "a\n \n", "gpt-2": ["a", "\n \n"], "smollm": ["a", "\n \n"], "llama-bpe": ["a", "\n \n"], "qwen2": ["a", "\n \n"]}
    {"text": "  \t\n  x", "gpt-2": ["  \t\n ", " x"], "smollm": ["  \t\n ", " x"], "llama-bpe": ["  \t\n", " ", " x"], "qwen2": ["  \t\n", " ", " x"]}
    {"text": "line\r\n\r\nnext\r", "gpt-2": ["line", "\r\n\r", "\n", "next", "\r"], "smollm": ["line", "\r\n\r", "\n", "next", "\r"], "llama-bpe": ["line", "\r\n\r\n", "next", "\r"], "qwen2": ["line", "\r\n\r\n", "next", "\r"]}
    {"text": "...\n\nx", "gpt-2": ["...", "\n", "\n", "x"], "smollm": ["...", "\n", "\n", "x"], "llama-bpe": ["...\n\n", "x"], "qwen2": ["...\n\n", "x"]}
    {"text": "!!! ??? \n", "gpt-2": ["!!!", " ???", " \n"], "smollm": ["!!!", " ???", " \n"], "llama-bpe": ["!!!", " ???", " \n"], "qwen2": ["!!!", " ???", " \n"]}
    {"text": "$5 + \u20ac6 = \u00a311?", "gpt-2": ["$", "5", " +", " \u20ac", "6", " =", " \u00a3", "11", "?"], "smollm": ["$", "5", " +", " \u20ac", "6", " =", " \u00a3", "1", "1", "?"], "llama-bpe": ["$", "5", " +", " \u20ac", "6", " =", " \u00a3", "11", "?"], "qwen2": ["$", "5", " +", " \u20ac", "6", " =", " \u00a3", "1", "1", "?"]}
    {"text": "\tif x:\n\t\treturn", "gpt-2": ["\t", "if", " x", ":", "\n\t", "\t", "return"], "smollm": ["\t", "if", " x", ":", "\n\t", "\t", "return"], "llama-bpe": ["\tif", " x", ":\n", "\t", "\treturn"], "qwen2": ["\tif", " x", ":\n", "\t", "\treturn"]}
    {"text": "na\u00efve \u00dcn\u00efc\u00f6d\u00e9", "gpt-2": ["na\u00efve", " \u00dcn\u00efc\u00f6d\u00e9"], "smollm": ["na\u00efve", " \u00dcn\u00efc\u00f6d\u00e9"], "llama-bpe": ["na\u00efve", " \u00dcn\u00efc\u00f6d\u00e9"], "qwen2": ["na\u00efve", " \u00dcn\u00efc\u00f6d\u00e9"]}
    {"text": "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c812\u500b", "gpt-2": ["\u65e5\u672c\u8a9e", " \u30c6\u30ad\u30b9\u30c8", "12", "\u500b"], "smollm": ["\u65e5\u672c\u8a9e", " \u30c6\u30ad\u30b9\u30c8", "1", "2", "\u500b"], "llama-bpe": ["\u65e5\u672c\u8a9e", " \u30c6\u30ad\u30b9\u30c8", "12", "\u500b"], "qwen2": ["\u65e5\u672c\u8a9e", " \u30c6\u30ad\u30b9\u30c8", "1", "2", "\u500b"]}
    {"text": "\u0645\u0631\u062d\u0628\u0627 \u0663\u0664\u0665", "gpt-2": ["\u0645\u0631\u062d\u0628\u0627", " \u0663\u0664\u0665"], "smollm": ["\u0645\u0631\u062d\u0628\u0627", " ", "\u0663", "\u0664", "\u0665"], "llama-bpe": ["\u0645\u0631\u062d\u0628\u0627", " ", "\u0663\u0664\u0665"], "qwen2": ["\u0645\u0631\u062d\u0628\u0627", " ", "\u0663", "\u0664", "\u0665"]}
    {"text": "\u00bd \u2153 \u2167\u00b2", "gpt-2": ["\u00bd", " \u2153", " \u2167\u00b2"], "smollm": ["\u00bd", " ", "\u2153", " ", "\u2167", "\u00b2"], "llama-bpe": ["\u00bd", " ", "\u2153", " ", "\u2167\u00b2"], "qwen2": ["\u00bd", " ", "\u2153", " ", "\u2167", "\u00b2"]}
    {"text": "e\u0301 x\u0301\u0302y", "gpt-2": ["e", "\u0301", " x", "\u0301\u0302", "y"], "smollm": ["e", "\u0301", " x", "\u0301\u0302", "y"], "llama-bpe": ["e", "\u0301", " x", "\u0301\u0302", "y"], "qwen2": ["e", "\u0301", " x", "\u0301\u0302", "y"]}
    {"text": "a\u00a0b\u3000c\u2003 d", "gpt-2": ["a", "\u00a0", "b", "\u3000", "c", "\u2003", " d"], "smollm": ["a", "\u00a0", "b", "\u3000", "c", "\u2003", " d"], "llama-bpe": ["a", "\u00a0b", "\u3000c", "\u2003", " d"], "qwen2": ["a", "\u00a0b", "\u3000c", "\u2003", " d"]}
    {"text": "\u00a0\u00a0x", "gpt-2": ["\u00a0", "\u00a0", "x"], "smollm": ["\u00a0", "\u00a0", "x"], "llama-bpe": ["\u00a0", "\u00a0x"], "qwen2": ["\u00a0", "\u00a0x"]}
    {"text": "\u0085\u2028\u2029y", "gpt-2": ["\u0085\u2028", "\u2029", "y"], "smollm": ["\u0085\u2028", "\u2029", "y"], "llama-bpe": ["\u0085\u2028", "\u2029y"], "qwen2": ["\u0085\u2028", "\u2029y"]}
    {"text": "\u200bzero\ufeff", "gpt-2": ["\u200b", "zero", "\ufeff"], "smollm": ["\u200b", "zero", "\ufeff"], "llama-bpe": ["\u200bzero", "\ufeff"], "qwen2": ["\u200bzero", "\ufeff"]}
    {"text": "\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69 \ud83c\uddeb\ud83c\uddf7 ok", "gpt-2": ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69", " \ud83c\uddeb\ud83c\uddf7", " ok"], "smollm": ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69", " \ud83c\uddeb\ud83c\uddf7", " ok"], "llama-bpe": ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69", " \ud83c\uddeb\ud83c\uddf7", " ok"], "qwen2": ["\ud83d\ude00\ud83d\udc69\u200d\ud83d\udc69", " \ud83c\uddeb\ud83c\uddf7", " ok"]}
    {"text": "snake_case camelCase kebab-case", "gpt-2": ["snake", "_", "case", " camelCase", " kebab", "-", "case"], "smollm": ["snake", "_", "case", " camelCase", " kebab", "-", "case"], "llama-bpe": ["snake", "_case", " camelCase", " kebab", "-case"], "qwen2": ["snake", "_case", " camelCase", " kebab", "-case"]}
    {"text": "<|im_end|>", "gpt-2": ["<|", "im", "_", "end", "|>"], "smollm": ["<|", "im", "_", "end", "|>"], "llama-bpe": ["<|", "im", "_end", "|>"], "qwen2": ["<|", "im", "_end", "|>"]}
    {"text": "\u0000\u0001 x", "gpt-2": ["\u0000\u0001", " x"], "smollm": ["\u0000\u0001", " x"], "llama-bpe": ["\u0000\u0001", " x"], "qwen2": ["\u0000\u0001", " x"]}
    {"text": " 's", "gpt-2": [" '", "s"], "smollm": [" '", "s"], "llama-bpe": [" '", "s"], "qwen2": [" '", "s"]}
    {"text": " 'tis", "gpt-2": [" '", "tis"], "smollm": [" '", "tis"], "llama-bpe": [" '", "tis"], "qwen2": [" '", "tis"]}
    {"text": "a  'll", "gpt-2": ["a", " ", " '", "ll"], "smollm": ["a", " ", " '", "ll"], "llama-bpe": ["a", " ", " '", "ll"], "qwen2": ["a", " ", " '", "ll"]}
    {"text": "#### 42\n", "gpt-2": ["####", " 42", "\n"], "smollm": ["####", " ", "4", "2", "\n"], "llama-bpe": ["####", " ", "42", "\n"], "qwen2": ["####", " ", "4", "2", "\n"]}
    """#
}
