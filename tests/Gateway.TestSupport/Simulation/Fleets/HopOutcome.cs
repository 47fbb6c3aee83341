namespace Gateway.TestSupport.Simulation.Fleets;

internal enum HopOutcome
{
    None,
    Answered,
    Refused,
    Reset,
    ConnectionRefused,
}
