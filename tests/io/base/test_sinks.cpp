// Hostile texts, and what becomes of them at each place that text goes to.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/text_sinks.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

using table = std::vector<std::pair<std::string, std::string>>;

template <class Sink>
void check_table(Sink&& sink, const table& rows) {
    for (const auto& [text, expected] : rows) {
        CAPTURE(text);
        CHECK(sink(text) == expected);
    }
}

const std::string escape = "\x1b", rlo = "\u202e", csi8 = "\u009b";

}  // namespace

TEST_CASE("terminal_text: no control, no direction, no broken UTF-8 reaches a terminal") {
    check_table([](auto& t) { return io::terminal_text(t); }, {{"Fe K\u03b1 5 \u00b5m", "Fe K\u03b1 5 \u00b5m"},
                                                               {"", ""},
                                                               {"a\tb\nc\r", "a?b?c?"},
                                                               {escape + "]0;title\x07", "?]0;title?"},
                                                               {csi8 + "31mred", "?31mred"},
                                                               {"\x9b"
                                                                "31m",
                                                                "?31m"},
                                                               {"abc" + rlo + "5h.", "abc?5h."},
                                                               {"\u200f\u2066x\u2069", "??x?"},
                                                               {"zero\u200bwidth\ufeff", "zero?width?"},
                                                               {"line\u2028end", "line?end"},
                                                               {"tag\U000e0041", "tag?"},
                                                               {std::string("nul\0l", 5), "nul?l"},
                                                               {"\xc3", "?"},
                                                               {"\xc0\xaf", "??"},
                                                               {"\xed\xa0\x80", "???"},
                                                               {"\xf4\x90\x80\x80", "????"},
                                                               {"\xe2\x82", "??"}});
}

TEST_CASE("shell_word and shell_path: the shell reads back what went in, and runs none of it") {
    check_table([](auto& t) { return io::shell_word(t); }, {{"a/b_c-1.h5", "a/b_c-1.h5"},
                                                            {"Fe=4,O=2", "Fe=4,O=2"},
                                                            {"", "''"},
                                                            {"with space", "'with space'"},
                                                            {"it's", "'it'\\''s'"},
                                                            {"=cmd", "'=cmd'"},
                                                            {"~root", "'~root'"}});
    CHECK(io::shell_path("-rf") == "./-rf");
    CHECK(io::shell_path("a.h5") == "a.h5");
    const scratch::folder dir;
    const std::string out = (dir / "out").string();
    for (const std::string& text :
         {std::string("a;touch${IFS}PWNED;.h5"), std::string("$(id)"), std::string("`id`"), std::string("a&&b|c>d<e"),
          std::string("*?[a]{b,c}"), std::string("!history"), std::string("#no"), std::string("new\nline"),
          escape + "[2J", "back\\slash'and" + rlo, std::string("\xff\xfe"), std::string("\"'\\$`"), std::string("%s%n"),
          std::string("a b  c"), std::string("~")}) {
        CAPTURE(text);
        const std::string word = io::shell_word(text);
        CHECK(io::terminal_text(word) == word);
        scratch::write(dir / "run.sh", "printf %s " + word + " >'" + out + "'\n");
        REQUIRE(std::system(("bash '" + (dir / "run.sh").string() + "'").c_str()) == 0);
        CHECK(scratch::read(dir / "out") == text);
    }
}

TEST_CASE("csv_field: one column whatever is in it, and no formula") {
    check_table([](auto& t) { return io::csv_field(t); }, {{"x (nm)", "x (nm)"},
                                                           {"Fe raw", "Fe raw"},
                                                           {"x (a,b)", "\"x (a,b)\""},
                                                           {"=1+1", "'=1+1"},
                                                           {"  =1+1", "'  =1+1"},
                                                           {"+1", "'+1"},
                                                           {"-1", "'-1"},
                                                           {"@SUM(A1)", "'@SUM(A1)"},
                                                           {"\uff1dA1", "'\uff1dA1"},
                                                           {"\t=A1", "?=A1"},
                                                           {"a\n=A1", "a?=A1"},
                                                           {"a;=A1", "\"a;=A1\""},
                                                           {"say \"x\"", "\"say \"\"x\"\"\""},
                                                           {"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""},
                                                           {"\"=A1", "\"'\"\"=A1\""},
                                                           {escape + "[31m", "?[31m"}});
}

TEST_CASE("escape_html: text stays text") {
    check_table(
        [](auto& t) { return io::escape_html(t); },
        {{"Fe < 5 & O", "Fe &lt; 5 &amp; O"},
         {"</script><script>alert('x')</script>", "&lt;/script&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"},
         {"\" onload=\"x", "&quot; onload=&quot;x"},
         {"\u00b5m\n", "\u00b5m\n"},
         {"a" + rlo + "b", "a\ufffdb"},
         {"\xff"
          "<",
          "\ufffd&lt;"},
         {std::string("\0<", 2), "\ufffd&lt;"}});
}

TEST_CASE("file_name: a name in the folder, whatever it is made from") {
    check_table([](auto& t) { return io::file_name(t); }, {{"scan 1", "scan 1"},
                                                           {"Fe\u2082O\u2083", "Fe\u2082O\u2083"},
                                                           {"", "unnamed"},
                                                           {".", "unnamed"},
                                                           {"..", "unnamed"},
                                                           {" .. ", "unnamed"},
                                                           {"...h5", "_..h5"},
                                                           {"../../etc/passwd", "_._.._etc_passwd"},
                                                           {"/etc/passwd", "_etc_passwd"},
                                                           {"C:\\x", "C__x"},
                                                           {".hidden", "_hidden"},
                                                           {"-rf", "_rf"},
                                                           {"~root", "_root"},
                                                           {"con", "_con"},
                                                           {"LPT1.txt", "_LPT1.txt"},
                                                           {"name. ", "name"},
                                                           {"a\nb" + escape, "a_b_"},
                                                           {"\xff", "_"}});
    std::string many(99, 'a');
    many += "\u00b5\u00b5\u00b5";
    CHECK(io::file_name(many) == std::string(99, 'a'));
    CHECK(io::file_name(std::string(5000, 'x')).size() == 100);
}
