"""Kubernetes manifests, made from infra/processes.py; `python -m infra.deploy.kubernetes` writes `base/` anew."""
