"""The faces of the node: `/cnp/1` for peers, `/api/v1` for officers and programs, health for the operator."""
