import Records

extension PromptSet {
  /// The default prompts as JSON: the same text as `pipelines/prompts.json`, which is there to copy and change.
  public static let defaultText = #"""
    {
      "base": {
        "system": "{instruction}",
        "user": "{question}"
      },
      "standard": {
        "system": "{instruction}",
        "user": "{question}\n\nThe solution is:\n{answer}\n\nWrite the solution in the same form."
      },
      "judge": {
        "system": "{instruction}",
        "user": "{question}\n\nAn earlier response to this question was judged as follows:\n{judgment}\n\nWrite the response that this judgment is about, with the mistake that it points out."
      },
      "critique": {
        "system": "You check answers to questions and find the first mistake.",
        "user": "Question:\n{question}\n\nCorrect solution:\n{answer}\n\nResponse:\n{output}\n\nThe response is wrong. Say in one or two sentences where it makes its first mistake and what is wrong there."
      }
    }
    """#

  /// The default prompts.
  public static func defaults() throws(PromptError) -> PromptSet {
    do {
      return try PromptSet(JSON(parsing: defaultText), source: "default prompts")
    } catch let error as PromptError {
      throw error
    } catch {
      throw PromptError.malformed(source: "default prompts", reason: "\(error)")
    }
  }
}
