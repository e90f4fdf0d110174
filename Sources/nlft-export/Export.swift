@main struct Export { static func main() {} }
