"""How Alembic reaches the store: over the connection that opening it hands in."""

from alembic import context

from syncd.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()
