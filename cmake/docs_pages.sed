# A page written for GitHub, as doxygen 1.9.4 reads it. A line that begins with $ is a command.
/^\$ /b
# Formulas, $...$, and $$...$$ in one line.
s/^\$\$(.*)\$\$$/\\f[\1\\f]/
s/\$([^$]+)\$/\\f$\1\\f$/g
# Links to headings, and to pages that are no part of the reference, are their words alone.
s/\[([^]]+)\]\((\.\.|#)[^)]*\)/\1/g
