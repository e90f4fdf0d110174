/// What Hugging Face's tokenizers 0.23.3 makes of texts with the vocabulary of `SmallVocabulary`.
enum EncodingFacts {
  static let lines = #"""
    {"rule": "gpt-2", "ignore": false, "text": "hello world", "tokens": [259, 264]}
    {"rule": "gpt-2", "ignore": false, "text": "hell hello the then", "tokens": [258, 32, 259, 275, 275, 110]}
    {"rule": "gpt-2", "ignore": false, "text": "aaaaaaa aaaaab abababa", "tokens": [267, 266, 97, 32, 267, 268, 32, 269, 268, 97]}
    {"rule": "gpt-2", "ignore": false, "text": "  hello", "tokens": [32, 32, 259]}
    {"rule": "gpt-2", "ignore": false, "text": "   the\n\nthe", "tokens": [265, 275, 10, 10, 116, 256]}
    {"rule": "gpt-2", "ignore": false, "text": "\ud83d\ude00\u00e9\ud83d\ude00", "tokens": [277, 128, 276, 277, 128]}
    {"rule": "gpt-2", "ignore": false, "text": "it's 123 12 1234 hidden x hidden", "tokens": [105, 116, 281, 32, 283, 32, 282, 32, 283, 52, 32, 104, 105, 100, 100, 101, 110, 32, 120, 32, 104, 105, 100, 100, 101, 110]}
    {"rule": "gpt-2", "ignore": false, "text": "<|im_start|>hello<|im_end|>", "tokens": [285, 259, 286]}
    {"rule": "gpt-2", "ignore": false, "text": "x<think>y<thinking>z<thin", "tokens": [120, 287, 121, 288, 122, 60, 273, 270]}
    {"rule": "gpt-2", "ignore": false, "text": "helloworld\t", "tokens": [259, 119, 261, 263, 9]}
    {"rule": "gpt-2", "ignore": false, "text": "na\u00efve \ufffd", "tokens": [110, 97, 195, 175, 118, 101, 32, 239, 191, 189]}
    {"rule": "gpt-2", "ignore": false, "text": "thing in ing", "tokens": [273, 271, 32, 270, 32, 271]}
    {"rule": "smollm", "ignore": false, "text": "hello world", "tokens": [259, 264]}
    {"rule": "smollm", "ignore": false, "text": "hell hello the then", "tokens": [258, 32, 259, 275, 275, 110]}
    {"rule": "smollm", "ignore": false, "text": "aaaaaaa aaaaab abababa", "tokens": [267, 266, 97, 32, 267, 268, 32, 269, 268, 97]}
    {"rule": "smollm", "ignore": false, "text": "  hello", "tokens": [32, 32, 259]}
    {"rule": "smollm", "ignore": false, "text": "   the\n\nthe", "tokens": [265, 275, 10, 10, 116, 256]}
    {"rule": "smollm", "ignore": false, "text": "\ud83d\ude00\u00e9\ud83d\ude00", "tokens": [277, 128, 276, 277, 128]}
    {"rule": "smollm", "ignore": false, "text": "it's 123 12 1234 hidden x hidden", "tokens": [105, 116, 281, 32, 49, 50, 51, 32, 49, 50, 32, 49, 50, 51, 52, 32, 104, 105, 100, 100, 101, 110, 32, 120, 32, 104, 105, 100, 100, 101, 110]}
    {"rule": "smollm", "ignore": false, "text": "<|im_start|>hello<|im_end|>", "tokens": [285, 259, 286]}
    {"rule": "smollm", "ignore": false, "text": "x<think>y<thinking>z<thin", "tokens": [120, 287, 121, 288, 122, 60, 273, 270]}
    {"rule": "smollm", "ignore": false, "text": "helloworld\t", "tokens": [259, 119, 261, 263, 9]}
    {"rule": "smollm", "ignore": false, "text": "na\u00efve \ufffd", "tokens": [110, 97, 195, 175, 118, 101, 32, 239, 191, 189]}
    {"rule": "smollm", "ignore": false, "text": "thing in ing", "tokens": [273, 271, 32, 270, 32, 271]}
    {"rule": "llama-bpe", "ignore": true, "text": "hello world", "tokens": [259, 264]}
    {"rule": "llama-bpe", "ignore": true, "text": "hell hello the then", "tokens": [258, 32, 259, 275, 275, 110]}
    {"rule": "llama-bpe", "ignore": true, "text": "aaaaaaa aaaaab abababa", "tokens": [267, 266, 97, 32, 267, 268, 32, 269, 268, 97]}
    {"rule": "llama-bpe", "ignore": true, "text": "  hello", "tokens": [32, 32, 259]}
    {"rule": "llama-bpe", "ignore": true, "text": "   the\n\nthe", "tokens": [265, 275, 280, 116, 256]}
    {"rule": "llama-bpe", "ignore": true, "text": "\ud83d\ude00\u00e9\ud83d\ude00", "tokens": [277, 128, 276, 277, 128]}
    {"rule": "llama-bpe", "ignore": true, "text": "it's 123 12 1234 hidden x hidden", "tokens": [105, 116, 281, 32, 283, 32, 282, 32, 283, 52, 284, 32, 120, 284]}
    {"rule": "llama-bpe", "ignore": true, "text": "<|im_start|>hello<|im_end|>", "tokens": [285, 259, 286]}
    {"rule": "llama-bpe", "ignore": true, "text": "x<think>y<thinking>z<thin", "tokens": [120, 287, 121, 288, 122, 60, 273, 270]}
    {"rule": "llama-bpe", "ignore": true, "text": "helloworld\t", "tokens": [259, 119, 261, 263, 9]}
    {"rule": "llama-bpe", "ignore": true, "text": "na\u00efve \ufffd", "tokens": [110, 97, 195, 175, 118, 101, 32, 239, 191, 189]}
    {"rule": "llama-bpe", "ignore": true, "text": "thing in ing", "tokens": [273, 271, 32, 270, 32, 271]}
    {"rule": "qwen2", "ignore": false, "text": "hello world", "tokens": [259, 264]}
    {"rule": "qwen2", "ignore": false, "text": "hell hello the then", "tokens": [258, 32, 259, 275, 275, 110]}
    {"rule": "qwen2", "ignore": false, "text": "aaaaaaa aaaaab abababa", "tokens": [267, 266, 97, 32, 267, 268, 32, 269, 268, 97]}
    {"rule": "qwen2", "ignore": false, "text": "  hello", "tokens": [32, 32, 259]}
    {"rule": "qwen2", "ignore": false, "text": "   the\n\nthe", "tokens": [265, 275, 280, 116, 256]}
    {"rule": "qwen2", "ignore": false, "text": "\ud83d\ude00\u00e9\ud83d\ude00", "tokens": [277, 128, 276, 277, 128]}
    {"rule": "qwen2", "ignore": false, "text": "it's 123 12 1234 hidden x hidden", "tokens": [105, 116, 281, 32, 49, 50, 51, 32, 49, 50, 32, 49, 50, 51, 52, 32, 104, 105, 100, 100, 101, 110, 32, 120, 32, 104, 105, 100, 100, 101, 110]}
    {"rule": "qwen2", "ignore": false, "text": "<|im_start|>hello<|im_end|>", "tokens": [285, 259, 286]}
    {"rule": "qwen2", "ignore": false, "text": "x<think>y<thinking>z<thin", "tokens": [120, 287, 121, 288, 122, 60, 273, 270]}
    {"rule": "qwen2", "ignore": false, "text": "helloworld\t", "tokens": [259, 119, 261, 263, 9]}
    {"rule": "qwen2", "ignore": false, "text": "na\u00efve \ufffd", "tokens": [110, 97, 195, 175, 118, 101, 32, 239, 191, 189]}
    {"rule": "qwen2", "ignore": false, "text": "thing in ing", "tokens": [273, 271, 32, 270, 32, 271]}
    """#
}
