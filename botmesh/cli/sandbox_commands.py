"""``botmesh sandbox ...``: all that can be done with it."""

from botmesh.cli import sandbox, sandbox_media, sandbox_people, sandbox_polls

app = sandbox.app
app.command("send")(sandbox_media.send)
app.command("open")(sandbox_media.open_)
app.command("expire")(sandbox_media.expire)
app.command("vote")(sandbox_polls.vote)
sandbox_people.add_to(app)
