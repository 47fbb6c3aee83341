using System.Globalization;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Simulation;
using Gateway.TestSupport;
using Gateway.TestSupport.Simulation;

// Goodput of batching policies over load, in virtual time: what the tests hold is made of the same code.
//
//     dotnet run -c Release --project tests/Gateway.Simulation
//
// And of fleets, by who decides where a request goes:
//
//     dotnet run -c Release --project tests/Gateway.Simulation -- fleet
//
// And where rows differ in size:
//
//     dotnet run -c Release --project tests/Gateway.Simulation -- shapes
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["fleet"])
{
    FleetTables.Print(Console.Out);
    return;
}

if (args is ["shapes"])
{
    ShapeTables.Print(Console.Out);
    return;
}

SimulatedModel[] models = [SimulatedModel.Light, SimulatedModel.Convolutional, SimulatedModel.Gpu];
double[] loads = [0.3, 0.9, 1.2, 2, 3];

Console.WriteLine("Answers in time, as % of capacity (of what is offered below 100 %), at 30, 90, 120, 200, 300 % load; equal deadlines of three best batches");
Console.WriteLine($"{"",-28}{string.Concat(models.Select(model => $"{model.Name,-26}"))}");
Print("deadlines (default)", model => new BatchingPolicy { MaxBatchRows = model.MaxBatchRows, MaxQueueRequests = int.MaxValue });
Print("Triton's default", model => Triton(model));
Print("Triton, time-out = deadline", model => Triton(model) with { QueuePolicies = [new QueuePolicyTimes((long)RequestClass.Medium(model).Time, false, false, 0)] });

Console.WriteLine();
Console.WriteLine("A tenant that offers a fifth of the capacity while another offers all the rest: % served of the two, and goodput, at 120, 200, 300 % load");
PrintFlood("shared in turns", TestTenants.OfWeights(1, 1));
PrintFlood("not shared", null);
return;

void PrintFlood(string name, Tenant[]? tenants)
{
    string line = $"{name,-28}";
    foreach (SimulatedModel model in models)
    {
        foreach (double load in loads.Where(load => load > 1))
        {
            double share = 0.2 / load;
            SimulationResult result = Simulator.Run(new SimulationSetup(model, load)
            {
                Classes = [RequestClass.Medium(model, 1 - share) with { Tenant = tenants?[0] }, RequestClass.Medium(model, share) with { Tenant = tenants?[1] }],
            });
            line += $"{100 * result.ServedOf(1):F0}/{100 * result.ServedOf(0):F0}/{100 * result.Goodput:F0} ";
        }

        line += "  ";
    }

    Console.WriteLine(line);
}

void Print(string name, Func<SimulatedModel, BatchingPolicy> policy)
{
    string line = $"{name,-28}";
    foreach (SimulatedModel model in models)
    {
        foreach (double load in loads)
        {
            SimulationResult result = Simulator.Run(new SimulationSetup(model, load) { Classes = [RequestClass.Medium(model)] }, policy(model));
            line += $"{100 * (load < 1 ? result.ShareInTime : result.Goodput),4:F0} ";
        }

        line += " ";
    }

    Console.WriteLine(line);
}

// No time-out, no bound, batches as large as they may be.
static BatchingPolicy Triton(SimulatedModel model) => new() { MaxBatchRows = model.MaxBatchRows, FollowsLatencyCurve = false, MaxQueueDelay = 1, MaxQueueRequests = int.MaxValue };
