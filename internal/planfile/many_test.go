package planfile_test

// manyFaults is a plan with 20 faults, and manyFaultsExpected what is said of
// each.
const manyFaults = `apiVersion: sluice/v2
kind: Pla
metadata:
  name: Bad Name
  labels: {a.b: 1}
spec:
  maxParalel: 3
  onFailure: explode
  maxParallel: -1
  targets: [t]
  tasks:
    - name: a
      executor: ""
      retry: {maxRetries: -1, initialInterval: 5}
      timeout: soon
    - name: a
      executor: x
      dependsOn: [b, b]
      targets: [t1, t1, ""]
      params: [1]
      failureThreshold: 200%
      pauseBefore: "no"
    - executor: y
      parallelTargets: 100000
`

var manyFaultsExpected = []string{
	`plan.yaml:1:1: apiVersion: is "sluice/v2", but this version of Sluice reads "sluice/v1"`,
	`plan.yaml:2:1: kind: is "Pla", but has to be "Plan"`,
	`plan.yaml:4:3: metadata.name: is "Bad Name"; only lower-case letters, digits, '-', '.' and '_' are allowed`,
	`plan.yaml:5:12: metadata.labels.a.b: is 1, but has to be a text`,
	`plan.yaml:7:3: spec.maxParalel: there is no field "maxParalel"; did you mean "maxParallel"?`,
	`plan.yaml:8:3: spec.onFailure: is "explode", but has to be pause, fail or rollback`,
	`plan.yaml:9:3: spec.maxParallel: is -1, but has to be from 1 to 500`,
	`plan.yaml:13:7: spec.tasks[0].executor: is missing; name the executor that applies the task`,
	`plan.yaml:14:15: spec.tasks[0].retry.maxRetries: is -1, but has to be from 0 to 1000`,
	`plan.yaml:14:31: spec.tasks[0].retry.initialInterval: a duration is a text such as 90s or 1h, not 5`,
	`plan.yaml:15:7: spec.tasks[0].timeout: "soon" is no duration; write it as 90s, 5m or 1h`,
	`plan.yaml:16:7: spec.tasks[1].name: is "a", which spec.tasks[0] has as well; names are given once`,
	`plan.yaml:18:19: spec.tasks[1].dependsOn[0]: is "b", but no task has that name`,
	`plan.yaml:18:22: spec.tasks[1].dependsOn[1]: is "b", but no task has that name`,
	`plan.yaml:19:21: spec.tasks[1].targets[1]: is "t1", which spec.tasks[1].targets[0] has as well; each target is given once`,
	`plan.yaml:19:25: spec.tasks[1].targets[2]: is empty`,
	`plan.yaml:20:7: spec.tasks[1].params: has to be an object of parameters`,
	`plan.yaml:21:7: spec.tasks[1].failureThreshold: "200%" is neither a number of targets such as 5 nor a percentage such as "10%"`,
	`plan.yaml:22:7: spec.tasks[1].pauseBefore: is "no", but has to be true or false`,
	`plan.yaml:23:7: spec.tasks[2].name: is missing; give a name of lower-case letters, digits, '-', '.' and '_'`,
	`plan.yaml:24:7: spec.tasks[2].parallelTargets: is 100000, but has to be from 1 to 1000`,
}
