# Takes the subcommand `help`, which the tools do not have, out of the completions that swift-argument-parser writes.
# With it, zsh refuses those of every tool that reads files ("doubled rest argument definition"), and bash and fish
# offer a word that the tools take for a file.

# zsh
/^ *'(-): :->command'$/d
/^ *'(-)\*:: :->arg'$/d
/^    case "\${state}" in$/,/^    esac$/d
# bash
/^    # Offer subcommand \/ subcommand argument completions$/,/^    esac$/d
# zsh and bash
/^_nlft-[a-z]*_help() {$/,/^}$/d
# fish
/^        switch \$unparsed_tokens\[1\]$/,/^        end$/d
/ -fa 'help' -d 'Show subcommand help information\.'$/d
/_flags_or_options "nlft-[a-z]* help" /d
