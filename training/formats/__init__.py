"""What rows are written as: plain chats, chats with passages (RAFT), preference pairs."""
