// Package ci holds the tests of what pipelines, hooks and kubectl start (action.yml, scripts/ci, .pre-commit-hooks.yaml, the
// plugin) and of docs/ci.md, whose examples are run as they stand there. Nothing outside the machine is asked: GitHub and
// docker are played, GitLab's job is run by a shell, pre-commit and kubectl are the real ones.
package ci
