using Gateway.Load.Payloads;

namespace Gateway.Load.Scenarios;

/// <summary>One request of a scenario; the steps of one follow each other.</summary>
/// <param name="Model">Empty for a plain target.</param>
/// <param name="Version">Empty for the server's choice.</param>
internal sealed record StepPlan(string Name, string Model, string Version, PayloadRecipe Payloads);
