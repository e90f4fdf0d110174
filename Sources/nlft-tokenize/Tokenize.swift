@main struct Tokenize { static func main() {} }
