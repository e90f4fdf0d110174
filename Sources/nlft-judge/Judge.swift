@main struct Judge { static func main() {} }
