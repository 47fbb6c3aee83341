using Gateway.Core.Tenants;

namespace Gateway.TestSupport.Simulation;

/// <summary>Requests that are alike.</summary>
/// <param name="Share">Of all requests.</param>
/// <param name="Time">From arrival to answer, in nanoseconds; 0 for no deadline.</param>
/// <param name="MostRows">Rows are even between 1 and this.</param>
/// <param name="Priority">1 is served first.</param>
/// <param name="Tenant">On whose behalf; null for nobody's.</param>
/// <param name="Shapes">Shapes that they come in, each as often as any.</param>
/// <param name="Elements">Of a row.</param>
/// <param name="Work">How many times as long a batch of them takes as the model's curve says, and how much each row counts for.</param>
public sealed record RequestClass(double Share, double Time, int MostRows = 1, int Priority = 1, Tenant? Tenant = null, int Shapes = 1, long Elements = 1, double Work = 1)
{
    /// <summary>2.1 times the time of one row.</summary>
    public static RequestClass Tight(SimulatedModel model, double share = 1) => new(share, 2.1 * model.Nanoseconds(1));

    /// <summary>Three times the time of a best batch.</summary>
    public static RequestClass Medium(SimulatedModel model, double share = 1) => new(share, 3 * model.Nanoseconds(model.BestRows));

    /// <summary>Ten times the time of a best batch.</summary>
    public static RequestClass Loose(SimulatedModel model, double share = 1) => new(share, 10 * model.Nanoseconds(model.BestRows));
}
