package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

// The oldest Kubernetes that the chart allows, and the one that the modules are of.
const oldest, newest = "1.28", "1.37"

// exported is what `plimsoll templates export NAME --as match-conditions` prints.
type exported struct {
	Pods      []admissionregistrationv1.MatchCondition `json:"pods"`
	Workloads []admissionregistrationv1.MatchCondition `json:"workloads"`
}

// of are the conditions of the entry that asks about that kind.
func (e exported) of(w workload) []admissionregistrationv1.MatchCondition {
	if w.kind == "Pod" {
		return e.Pods
	}
	return e.Workloads
}

// export asks the binary for a template's conditions.
func export(binary, template string, arguments ...string) (exported, error) {
	out, err := exportAs(binary, "match-conditions", template, arguments...)
	if err != nil {
		return exported{}, err
	}
	var e exported
	if err := yaml.UnmarshalStrict(out, &e); err != nil {
		return exported{}, fmt.Errorf("the conditions of %s: %w\n%s", template, err, out)
	}
	if len(e.Pods) == 0 || len(e.Workloads) == 0 {
		return exported{}, fmt.Errorf("%s has no conditions:\n%s", template, out)
	}
	return e, nil
}

func exportAs(binary, format, template string, arguments ...string) ([]byte, error) {
	command := exec.Command(binary, append([]string{"templates", "export", template, "--as", format}, arguments...)...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("templates export %s: %w\n%s", template, err, problems.Bytes())
	}
	return out, nil
}

// prefilter is a webhook's conditions as an API server of some version has compiled them.
type prefilter struct {
	conditions cel.ConditionEvaluator
	matcher    matchconditions.Matcher
}

// compilers are the API servers' compilers, by version: to make one takes long.
var compilers = map[string]cel.ConditionCompiler{
	oldest: cel.NewConditionCompiler(environment.MustBaseEnvSet(version.MustParse(oldest))),
	newest: cel.NewConditionCompiler(environment.MustBaseEnvSet(version.MustParse(newest))),
}

func compile(kubernetes string, conditions []admissionregistrationv1.MatchCondition) (prefilter, error) {
	accessors := make([]cel.ExpressionAccessor, len(conditions))
	for i := range conditions {
		accessors[i] = (*matchconditions.MatchCondition)(&conditions[i])
	}
	// What is new is held to the functions of the oldest API server in a cluster that is being upgraded.
	compiled := compilers[kubernetes].CompileCondition(accessors, cel.OptionalVariableDeclarations{HasAuthorizer: true}, environment.NewExpressions)
	if problems := compiled.CompilationErrors(); len(problems) > 0 {
		return prefilter{}, fmt.Errorf("Kubernetes %s: %w", kubernetes, errors.Join(problems...))
	}
	fail := admissionregistrationv1.Fail
	return prefilter{compiled, matchconditions.NewMatcher(compiled, &fail, "webhook", "validating", "plimsoll")}, nil
}

// skips says whether the webhook is not called. An error would refuse the request.
func (p prefilter) skips(attributes *admission.VersionedAttributes) (bool, error) {
	result := p.matcher.Match(context.Background(), attributes, nil, nil)
	return !result.Matches, result.Error
}

// cost is what the conditions cost for an object, of a webhook's budget.
func (p prefilter) cost(attributes *admission.VersionedAttributes) (skipped bool, cost int64, err error) {
	request := cel.CreateAdmissionRequest(attributes.Attributes, metav1.GroupVersionResource(attributes.GetResource()), metav1.GroupVersionKind(attributes.VersionedKind))
	const budget = celconfig.RuntimeCELCostBudgetMatchConditions
	results, left, err := p.conditions.ForInput(context.Background(), attributes, request, cel.OptionalVariableBindings{}, nil, budget)
	if err != nil {
		return false, 0, err
	}
	for _, result := range results {
		if result.Error != nil {
			return false, budget - left, result.Error
		}
		if result.EvalResult.Value() == false {
			skipped = true
		}
	}
	return skipped, budget - left, nil
}

// attributes is the request to create an object, as the expressions see it: in Kubernetes 1.37 the typed object is read as it
// is, before that it was made a map first. Both must look the same.
func (s stored) attributes() *admission.VersionedAttributes {
	return attributesOf(s.workload, s.object)
}

// asMap is the same with the object as older API servers show it.
func (s stored) asMap() (*admission.VersionedAttributes, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.object)
	if err != nil {
		return nil, err
	}
	return attributesOf(s.workload, &unstructured.Unstructured{Object: content}), nil
}

// asWritten is the document itself, nulls, unknown members and all.
func (w workload) asWritten(raw []byte) (*admission.VersionedAttributes, error) {
	content := map[string]any{}
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{Object: content}
	out.SetGroupVersionKind(w.gvk())
	return attributesOf(w, out), nil
}

func attributesOf(w workload, object runtime.Object) *admission.VersionedAttributes {
	record := admission.NewAttributesRecord(object, nil, w.gvk(), "shop", "web", w.gvr(), "", admission.Create, nil, false,
		&user.DefaultInfo{Name: "alice", Groups: []string{"shop"}})
	versioned, err := admission.NewVersionedAttributes(record, w.gvk(), nil)
	if err != nil {
		panic(err) // the object is of that kind already
	}
	return versioned
}

// parts is a condition taken apart: what comes first and gives names to the parts of a pod, an expression for each check, and
// the brackets that close.
type parts struct {
	head, tail string
	clauses    []clause
}

// clause is what one check asks, or several that ask the same.
type clause struct{ check, text string }

// take takes a condition apart at the comments that name the checks.
func take(expression string) (parts, error) {
	var p parts
	lines := strings.Split(strings.TrimSpace(expression), "\n")
	p.tail = lines[len(lines)-1]
	if strings.Trim(p.tail, ")") != "" {
		return p, fmt.Errorf("does not end with a line of brackets, but with %s", p.tail)
	}
	for i, line := range lines[:len(lines)-1] {
		name, comment := strings.CutPrefix(line, "// ")
		switch {
		case comment && i > 0:
			p.clauses = append(p.clauses, clause{check: name})
		case len(p.clauses) == 0:
			p.head += line + "\n"
		default:
			p.clauses[len(p.clauses)-1].text += line + "\n"
		}
	}
	for i := range p.clauses {
		text, more := strings.CutSuffix(strings.TrimSpace(p.clauses[i].text), "&&")
		if more == (i == len(p.clauses)-1) || text == "" {
			return p, fmt.Errorf("the expression of %s is not one of several joined by &&", p.clauses[i].check)
		}
		p.clauses[i].text = strings.TrimSpace(text)
	}
	if len(p.clauses) == 0 {
		return p, errors.New("names no check")
	}
	return p, nil
}

// with is the condition that has these clauses.
func (p parts) with(clauses ...clause) string {
	var out strings.Builder
	for i, c := range clauses {
		if i > 0 {
			out.WriteString(" &&\n")
		}
		fmt.Fprintf(&out, "// %s\n%s", c.check, c.text)
	}
	return p.head + out.String() + "\n" + p.tail
}
