namespace Gateway.IntegrationTests.MessagePack;

public sealed class JavaScriptInteroperationTests() : InteroperationContract(new Oracle("node", "messagepack.mjs"))
{
    /// <remarks>It writes 2.0 as 2 and reads either as the same.</remarks>
    protected override bool HasWholeFloats => false;
}
