using System.Reflection;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Backend;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Hosting;

public sealed class LogEventTests
{
    private static readonly Assembly[] Assemblies = [typeof(ModelCatalog).Assembly, typeof(OnnxRuntimeBackend).Assembly, typeof(GatewayHost).Assembly, typeof(Composition).Assembly];

    public static TheoryData<string, int, int> Ranges => new()
    {
        { "Gateway.Core.Models", 1000, 1999 },
        { "Gateway.Core.Scheduling", 2000, 2999 },
        { "Gateway.Core.Execution", 3000, 3999 },
        { "Gateway.OnnxRuntime", 3000, 3999 },
        { "Gateway.Server", 4000, 4999 },
        { "Gateway.Core.Memory", 6000, 6999 },
    };

    private static IEnumerable<(string Where, LoggerMessageAttribute Event)> Events =>
        from assembly in Assemblies
        from type in assembly.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
        where attribute is not null
        select ($"{type.FullName}.{method.Name}", attribute);

    [Fact]
    public void EventId_AllLogMethods_IsGivenOnce() =>
        Assert.Empty(Events.GroupBy(each => each.Event.EventId).Where(same => same.Count() > 1).Select(same => $"{same.Key}: {string.Join(", ", same.Select(each => each.Where))}"));

    [Fact]
    public void EventName_AllLogMethods_IsThere() => Assert.All(Events, each => Assert.False(string.IsNullOrEmpty(each.Event.EventName), each.Where));

    [Theory]
    [MemberData(nameof(Ranges))]
    public void EventId_ByNamespace_IsInItsRange(string space, int least, int most) =>
        Assert.All(Events.Where(each => each.Where.StartsWith(space + ".", StringComparison.Ordinal)), each => Assert.InRange(each.Event.EventId, least, most));
}
