import subprocess

from benchmarks.demo import clone_head


def test_what_is_cloned_is_the_commit_that_is_checked_out(tmp_path):
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", "-C", str(tmp_path / "origin"), *who, *arguments], check=True, capture_output=True)

    file = tmp_path / "origin" / "file"
    file.parent.mkdir()
    git("init", "--initial-branch", "main")
    for text in ("first", "second"):
        file.write_text(text)
        git("add", "file")
        git("commit", "--message", text)
    git("checkout", "--detach", "HEAD~1")
    file.write_text("not committed")

    clone_head(tmp_path / "clone", tmp_path / "origin")

    assert (tmp_path / "clone" / "file").read_text() == "first"
